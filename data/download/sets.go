package download

import (
	"fmt"
	"strings"
)

// A File is a file that a publisher offers, known by its digest.
type File struct {
	Name   string   // its own, in the directory it is kept in
	URLs   []string // tried in this order
	Size   int64    // in bytes
	SHA256 string   // in hexadecimal
}

// A Member is a file that is unpacked from an archive.
type Member struct {
	Name  string // in the archive, and below the directory
	Limit int64  // bytes it has at most
}

// A Set is a published data set.
type Set struct {
	Name    string
	Info    string
	Format  string // of its spec; see [Set.Spec]
	Files   []File
	Members []Member // of Files[0], a .tar.gz; nil if files are read as they are
}

// Spec returns the data set's name for [data.Open] once it lies in dir.
//
// [data.Open]: https://pkg.go.dev/github.com/monge-ml/monge/data#Open
func (s *Set) Spec(dir string) string { return s.Format + ":" + dir }

// Size returns the bytes to download.
func (s *Set) Size() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

// Addresses. The first MNIST site (yann.lecun.com) refuses downloads; these two mirrors
// are TensorFlow Datasets' and PyTorch's.
const (
	mnistURL   = "https://storage.googleapis.com/cvdf-datasets/mnist/"
	mnistURL2  = "https://ossci-datasets.s3.amazonaws.com/mnist/"
	fashionURL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
	cifarURL   = "https://www.cs.toronto.edu/~kriz/"
)

// Bytes of CIFAR's binary files: 10,000 images a file, or 50,000, of 32x32x3 pixels
// behind one label or two; and room for a list of names.
const (
	cifar10File   = 10000 * (1 + 3072)
	cifar100Train = 50000 * (2 + 3072)
	cifar100Test  = 10000 * (2 + 3072)
	namesLimit    = 1 << 16
)

// Sets are the data sets that can be downloaded. Sizes and digests are those that
// TensorFlow Datasets pins: tensorflow_datasets/url_checksums/{mnist, fashion_mnist,
// cifar10, cifar100}.txt in github.com/tensorflow/datasets.
var Sets = []Set{
	{
		Name: "mnist", Format: "idx", Info: "handwritten digits, 28x28, 10 classes, 60,000 + 10,000",
		Files: []File{
			{"train-images-idx3-ubyte.gz", []string{mnistURL + "train-images-idx3-ubyte.gz", mnistURL2 + "train-images-idx3-ubyte.gz"},
				9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
			{"train-labels-idx1-ubyte.gz", []string{mnistURL + "train-labels-idx1-ubyte.gz", mnistURL2 + "train-labels-idx1-ubyte.gz"},
				28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
			{"t10k-images-idx3-ubyte.gz", []string{mnistURL + "t10k-images-idx3-ubyte.gz", mnistURL2 + "t10k-images-idx3-ubyte.gz"},
				1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
			{"t10k-labels-idx1-ubyte.gz", []string{mnistURL + "t10k-labels-idx1-ubyte.gz", mnistURL2 + "t10k-labels-idx1-ubyte.gz"},
				4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
		},
	},
	{
		Name: "fashion-mnist", Format: "idx", Info: "Zalando's articles, 28x28, 10 classes, 60,000 + 10,000",
		Files: []File{
			{"train-images-idx3-ubyte.gz", []string{fashionURL + "train-images-idx3-ubyte.gz"},
				26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
			{"train-labels-idx1-ubyte.gz", []string{fashionURL + "train-labels-idx1-ubyte.gz"},
				29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
			{"t10k-images-idx3-ubyte.gz", []string{fashionURL + "t10k-images-idx3-ubyte.gz"},
				4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
			{"t10k-labels-idx1-ubyte.gz", []string{fashionURL + "t10k-labels-idx1-ubyte.gz"},
				5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
		},
	},
	{
		Name: "cifar10", Format: "cifar10", Info: "colour photographs, 32x32, 10 classes, 50,000 + 10,000",
		Files: []File{{"cifar-10-binary.tar.gz", []string{cifarURL + "cifar-10-binary.tar.gz"},
			170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}},
		Members: []Member{
			{"cifar-10-batches-bin/data_batch_1.bin", cifar10File},
			{"cifar-10-batches-bin/data_batch_2.bin", cifar10File},
			{"cifar-10-batches-bin/data_batch_3.bin", cifar10File},
			{"cifar-10-batches-bin/data_batch_4.bin", cifar10File},
			{"cifar-10-batches-bin/data_batch_5.bin", cifar10File},
			{"cifar-10-batches-bin/test_batch.bin", cifar10File},
			{"cifar-10-batches-bin/batches.meta.txt", namesLimit},
		},
	},
	{
		Name: "cifar100", Format: "cifar100", Info: "colour photographs, 32x32, 100 classes, 50,000 + 10,000",
		Files: []File{{"cifar-100-binary.tar.gz", []string{cifarURL + "cifar-100-binary.tar.gz"},
			168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"}},
		Members: []Member{
			{"cifar-100-binary/train.bin", cifar100Train},
			{"cifar-100-binary/test.bin", cifar100Test},
			{"cifar-100-binary/fine_label_names.txt", namesLimit},
			{"cifar-100-binary/coarse_label_names.txt", namesLimit},
		},
	},
}

// Names returns the names of the data sets.
func Names() []string {
	var names []string
	for _, s := range Sets {
		names = append(names, s.Name)
	}
	return names
}

// Find returns the data set of a name.
func Find(name string) (*Set, error) {
	for i := range Sets {
		if Sets[i].Name == name {
			return &Sets[i], nil
		}
	}
	return nil, fmt.Errorf("no data set %q to download; there are %s", name, strings.Join(Names(), ", "))
}

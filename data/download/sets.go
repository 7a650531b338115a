package download

import (
	"fmt"
	"path"
	"slices"
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
	Name     string
	Info     string
	Format   string // of its spec; see [Set.Spec]
	Choice   string // what its spec ends with, "" if there is nothing to choose
	Files    []File
	Members  []Member  // of Files[0], a .tar.gz; nil if files are read as they are
	Packages []Package // of npm
}

// Spec returns the data set's name for [data.Open] once it lies in dir, or for
// [pairs.Open] if it is one of images with captions, which are those that npm has.
//
// [data.Open]: https://pkg.go.dev/github.com/monge-ml/monge/data#Open
// [pairs.Open]: https://pkg.go.dev/github.com/monge-ml/monge/align/pairs#Open
func (s *Set) Spec(dir string) string { return s.Format + ":" + dir + s.Choice }

// Kept returns the files that lie in the directory, verified, by their paths below it.
func (s *Set) Kept() []File {
	kept := slices.Clone(s.Files)
	for _, p := range s.Packages {
		for _, f := range p.Files {
			f.Name = path.Join(p.Name, f.Name)
			kept = append(kept, f)
		}
	}
	return kept
}

// Size returns the bytes to download.
func (s *Set) Size() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Size
	}
	for _, p := range s.Packages {
		n += p.Size
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
// cifar10, cifar100}.txt in github.com/tensorflow/datasets; those of packages are in npm's
// registry.
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
	{
		Name: "emoji", Format: "emoji", Choice: "?set=twitter", Info: "emoji with their names and keywords, drawn by Twitter and by Google, 64x64",
		Packages: []Package{
			{
				Name: "emoji-datasource-twitter", Version: "16.0.0", Size: 61683754, Unpacked: 65361243,
				Integrity: "sha512-7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ==",
				Files: []File{emojiLicense, emojiReadme, emojiNames,
					{"img/twitter/sheets-clean/64.png", nil, 11283284, "daa7711b29897de6bd811a4cfeae911d8d8baa7f7e25c97d9b64354ae425ff5c"}},
			},
			{
				Name: "emoji-datasource-google", Version: "16.0.0", Size: 74344091, Unpacked: 77901588,
				Integrity: "sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
				Files: []File{emojiLicense, emojiReadme, emojiNames,
					{"img/google/sheets-clean/64.png", nil, 13842666, "795a0c598d162c9a4aae23f2188c607b8c9bc1912cb7d84382459f8de91a3ae1"}},
			},
			{
				Name: "emojilib", Version: "4.0.3", Size: 53353, Unpacked: 269760,
				Integrity: "sha512-KbWiYre9aRSaPbHrHZIz9zmoM+21LAsK1VFJtnTh1VCtWE/rNMDviGhQTmselFl95dhqtGlY22iH0leG5BuW0g==",
				Files: []File{
					{"LICENSE", nil, 1078, "da00c2955742e85d06f80a34f5142f96a6167df2d8762b2dc5a998c9f919a715"},
					{"dist/emoji-en-US.json", nil, 264699, "7974e9162e1505aa1b02d07a04e4eefa5c51864d6c32e477121c635201e2eca2"}},
			},
		},
	},
}

// What the packages emoji-datasource-... have alike. The readme says whose the pictures
// are: Twitter's are licensed under CC-BY 4.0, Google's under Apache 2.0.
var (
	emojiLicense = File{"LICENSE", nil, 1080, "ee9953a79bf2132b59b1342b217f1c377b3d03d9e7713006f6c3b89eb159f1db"}
	emojiReadme  = File{"README.md", nil, 9501, "b22bf9a7f2478beec176a700a7079177fead1056db1452af8394aab54c5a3dbf"}
	emojiNames   = File{"emoji.json", nil, 1313457, "1d602e65be88772bf8cc368ce16b855d719eeddbafe128d471b80203f494d29f"}
)

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

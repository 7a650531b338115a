package classifier

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/data/picture"
)

// A published checkpoint bears the first letters of its SHA-256 in its name.
type published struct {
	name, hash string
	origin     *origin
}

// An origin is where checkpoints come from, and how they were trained.
type origin struct {
	name      string
	suffix    string // of the model's name here
	input     []int
	normalize string
	classes   []string // nil are numbers
}

var (
	// akamaster's were trained with the mean and deviation of ImageNet
	// (github.com/akamaster/pytorch_resnet_cifar10, trainer.py).
	akamaster = &origin{"akamaster/pytorch_resnet_cifar10", "", []int{32, 32, 3}, "imagenet", []string{
		"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}}
	torchvision = &origin{"torchvision", "-imagenet", []int{224, 224, 3}, "imagenet", nil}
)

// checkpoints are those whose names and hashes the two list.
var checkpoints = []published{
	{"resnet20", "12fca82f", akamaster},
	{"resnet32", "d509ac18", akamaster},
	{"resnet44", "014dd654", akamaster},
	{"resnet56", "4bfd9763", akamaster},
	{"resnet110", "1d1ed7c2", akamaster},
	{"resnet18", "5c106cde", torchvision},
	{"resnet18", "f37072fd", torchvision},
	{"resnet34", "333f7ec4", torchvision},
	{"resnet34", "b627a593", torchvision},
	{"resnet50", "19c8e357", torchvision},
	{"resnet50", "0676ba61", torchvision},
	{"resnet50", "11ad3fa6", torchvision},
	{"vit-b16", "c867db91", torchvision},
	{"vit-b32", "d86f8d99", torchvision},
}

var hubName = regexp.MustCompile(`^(resnet[0-9]+|vit_b_[0-9]+)-([0-9a-f]{8})\b`)

// vitName brings a name of torchvision's to ours.
var vitName = strings.NewReplacer("vit_b_", "vit-b")

// known returns what is known of a published checkpoint, by the SHA-256 of its content
// in hexadecimal, or by its file's name.
func known(path, sha256 string) (i Info, source string, ok bool) {
	how := "the content"
	k := slices.IndexFunc(checkpoints, func(p published) bool { return p.hash == sha256[:len(p.hash)] })
	if k < 0 {
		name := hubName.FindStringSubmatch(filepath.Base(path))
		how = "the file's name"
		k = slices.IndexFunc(checkpoints, func(p published) bool { return name != nil && p.name == vitName.Replace(name[1]) && p.hash == name[2] })
	}
	if k < 0 {
		return Info{}, "", false
	}
	p := checkpoints[k]
	norm, err := picture.ParseNormalization(p.origin.normalize)
	if err != nil {
		panic(err) // a preset that picture lacks
	}
	return Info{Model: p.name + p.origin.suffix, Input: slices.Clone(p.origin.input), Classes: slices.Clone(p.origin.classes), Normalize: norm},
		fmt.Sprintf("%s is that of %s's %s-%s", how, p.origin.name, p.name, p.hash), true
}

// numbered returns n class names that are numbers.
func numbered(n int) (names []string) {
	for c := range n {
		names = append(names, strconv.Itoa(c))
	}
	return names
}

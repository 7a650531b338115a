package clip

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/tokenizer"
	"github.com/monge-ml/monge/weights"
)

// The files of OpenCLIP's weights, by its names and by any; the first that is there counts.
var (
	openCLIPNamed   = []string{OpenCLIPWeightsFile, OpenCLIPWeightsFile + ".index.json", OpenCLIPTorchFile, OpenCLIPTorchFile + ".index.json"}
	openCLIPWeights = slices.Concat(openCLIPNamed, weights.DirFiles)
)

// needed says what a directory should have.
const needed = "a CLIP model is a directory with config.json and model.safetensors or pytorch_model.bin (or OpenCLIP's open_clip_config.json and weights), " +
	"tokenizer.json or vocab.json and merges.txt, and preprocessor_config.json or processor_config.json"

// isOpenCLIP reports whether a directory is to be read as OpenCLIP's: many have both kinds of files,
// and are read as Hugging Face's.
func isOpenCLIP(dir string) bool {
	if !foreign.Has(dir, OpenCLIPConfigFile) {
		return false
	}
	_, err := weights.Find(dir)
	return err != nil || !foreign.Has(dir, ConfigFile)
}

// checkDirectory returns an error for what is no directory of a model, which says what is there.
func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("%w: %s", err, needed)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a file: %s", dir, needed)
	}
	switch {
	case !foreign.Has(dir, ConfigFile, OpenCLIPConfigFile):
		return fmt.Errorf("%s has no %s; it %s: %s", dir, ConfigFile, foreign.Contents(dir), needed)
	case !foreign.Has(dir, openCLIPWeights...):
		return fmt.Errorf("%s has no weights, none of %s; it %s", dir, strings.Join(slices.Concat(weights.DirFiles, openCLIPNamed), ", "), foreign.Contents(dir))
	}
	return nil
}

// checkInputs is [checkDirectory] for what makes a model's inputs.
func checkInputs(dir string) error {
	switch {
	case !tokenizer.In(dir):
		return fmt.Errorf("%s has no tokenizer; it %s: %s", dir, foreign.Contents(dir), needed)
	case !isOpenCLIP(dir) && !foreign.Has(dir, PreprocessorFile, ProcessorFile):
		return fmt.Errorf("%s has no %s, which says how images are prepared; it %s: %s", dir, PreprocessorFile, foreign.Contents(dir), needed)
	}
	return nil
}

// readPreprocessor reads what prepares a directory's images, and returns the path of the file.
func readPreprocessor(dir string) (picture.Preprocessor, string, error) {
	if isOpenCLIP(dir) {
		_, p, err := readOpenCLIP(dir)
		return p, filepath.Join(dir, OpenCLIPConfigFile), err
	}
	// That of a processor is the newer, and counts where both are there.
	path := filepath.Join(dir, ProcessorFile)
	p, there, err := picture.ReadProcessor(path)
	if err != nil || there {
		return p, path, err
	}
	path = filepath.Join(dir, PreprocessorFile)
	p, err = picture.ReadPreprocessor(path)
	return p, path, err
}

// IsDirectory reports whether a directory has the configuration of a CLIP model, so that what else is
// amiss with it is to be told of [Open].
func IsDirectory(dir string) bool {
	if foreign.Has(dir, OpenCLIPConfigFile) {
		return true
	}
	b, err := foreign.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return false
	}
	all, err := foreign.Object(b)
	return err == nil && strings.HasPrefix(string(all["model_type"]), `"clip`)
}

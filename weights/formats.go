package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What to do about a file that is not read.
const (
	toSafetensors = "open it with the program that wrote it and save the weights as safetensors"
	page          = "a web page, not weights: the address was wrong or asks for a login; download the file itself"
	image         = "an image, not weights: name the file of weights"
)

// starts are what files begin with that are taken for weights, and what to say.
var starts = []struct{ start, say string }{
	{"version https://git-lfs", "a Git LFS pointer, not the weights: run 'git lfs pull', or download the file itself"},
	{"\x1f\x8b", "a gzip file: unpack it first (gunzip or tar xzf)"},
	{"\x28\xb5\x2f\xfd", "a zstd file: unpack it first (unzstd)"},
	{"BZh", "a bzip2 file: unpack it first (bunzip2 or tar xjf)"},
	{"\xfd7zXZ", "an xz file: unpack it first (unxz or tar xJf)"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"},
	{"Rar!", "a RAR archive: unpack it first"},
	{"\x89HDF", "an HDF5 file (Keras): " + toSafetensors},
	{"GGUF", "a GGUF file: use the safetensors file it was made from"},
	{"lmgg", "a GGML file: use the PyTorch checkpoint it was made from"},
	{"tjgg", "a GGML file: use the PyTorch checkpoint it was made from"},
	{"\x93NUMPY", "a NumPy array: save the weights as safetensors (safetensors.numpy.save_file)"},
	{"\x12\x01\x00\x00\x00\x00\x00\x00", "an MXNet file: " + toSafetensors},
	{"\x89PNG", image}, {"\xff\xd8\xff", image}, {"GIF8", image}, {"RIFF", image},
	{"%PDF", "a PDF, not weights: name the file of weights"},
	{"\x7fELF", "a program, not weights: name the file of weights"},
	{"monge/checkpoint", "a checkpoint to resume a run from: name the weights.safetensors or best.safetensors that the run leaves"},
}

// errDistributed is the error of one of the files of a distributed checkpoint.
var errDistributed = errors.New("a part of a checkpoint of torch.distributed: bring it together first (python -m torch.distributed.checkpoint.format_utils dcp_to_torch DIR FILE)")

// unknownFormat names what the file looks like, and what to do about it.
func unknownFormat(head []byte) error {
	for _, k := range starts {
		if bytes.HasPrefix(head, []byte(k.start)) {
			return errors.New(k.say)
		}
	}
	text, isText := textOf(head)
	switch {
	case isText && isPage(text):
		return errors.New(page)
	case isText && strings.HasPrefix(text, "{"):
		return errNoIndex
	case isText && text != "":
		first, _, _ := strings.Cut(text, "\n")
		return fmt.Errorf("a text, not weights (it starts with %s): where it is a server's answer, the address was wrong or asks for a login; download the file itself", show(strings.TrimSpace(first)))
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return errors.New("a tar archive: unpack it first (tar xf); checkpoints of PyTorch before 0.1.10 are tar archives too, " +
			"which must be saved again with a newer PyTorch")
	case bytes.Count(head, []byte{0}) == len(head):
		return errors.New("nothing but zeros at its start: the download was not finished; download it again")
	case len(head) > 8 && string(head[4:8]) == "TFL3":
		return errors.New("a TensorFlow Lite model: export the weights of the network it was made from as safetensors")
	case isONNX(head):
		return errors.New("an ONNX or TensorFlow model: the name of an ONNX file must end with .onnx; of TensorFlow, save the weights of the network as safetensors")
	case isMessagePack(head):
		return errors.New("a msgpack file (Flax): " + toSafetensors)
	}
	return fmt.Errorf("neither a PyTorch checkpoint nor safetensors (starts with % x): %s", head[:min(len(head), 8)], toSafetensors)
}

// textOf returns the text that a file starts with, if it does.
func textOf(head []byte) (string, bool) {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) { // UTF-16, of which ASCII is every second byte
		head = bytes.ReplaceAll(head[2:], []byte{0}, nil)
	}
	s := strings.TrimLeftFunc(strings.TrimPrefix(string(head), "\ufeff"), unicode.IsSpace)
	for i, r := range s {
		if r == utf8.RuneError && i < len(s)-utf8.UTFMax || !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != utf8.RuneError {
			return "", false
		}
	}
	return s, true
}

func isPage(text string) bool {
	lower := strings.ToLower(text)
	return slices.ContainsFunc([]string{"<!doctype", "<html", "<head", "<body", "<?xml", "<!--", "<error"}, func(s string) bool {
		return strings.HasPrefix(lower, s)
	})
}

// isONNX takes a protocol buffer that begins with a small version and a string or message.
func isONNX(head []byte) bool {
	return len(head) > 4 && head[0] == 8 && head[1] > 0 && head[1] < 32 && (head[2] == 0x12 || head[2] == 0x1a || head[2] == 0x3a || head[2] == 0x42)
}

// isMessagePack takes a map whose first key is a string.
func isMessagePack(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	key := head[1]
	switch {
	case head[0] == 0xde:
		key = head[3]
	case head[0] <= 0x80 || head[0] > 0x8f:
		return false
	}
	return key&0xe0 == 0xa0 || key == 0xd9
}

// noCheckpoint says what a zip file is that is no checkpoint.
func noCheckpoint(files []*zip.File) error {
	has := func(f func(name string) bool) bool {
		return slices.ContainsFunc(files, func(z *zip.File) bool { return f(z.Name) })
	}
	ends := func(ext string) func(string) bool {
		return func(name string) bool { return strings.EqualFold(path.Ext(name), ext) }
	}
	const say = "a zip file, but not a PyTorch checkpoint (no data.pkl in it): "
	switch {
	case has(ends(".npy")):
		return errors.New("an .npz file of NumPy arrays: save the weights as safetensors (safetensors.numpy.save_file)")
	case has(func(n string) bool { return strings.HasSuffix(n, ".weights.h5") }):
		return errors.New("a .keras file: " + toSafetensors)
	case has(func(n string) bool { return strings.HasSuffix(n, "/archive_format") }):
		return errors.New("a program of torch.export (.pt2), not weights alone: save its state_dict with torch.save instead")
	case has(func(n string) bool { return strings.HasSuffix(n, "/extern_modules") }):
		return errors.New("an archive of torch.package, not weights alone: save the model's state_dict with torch.save instead")
	case has(func(n string) bool { return strings.HasPrefix(n, "word/") || strings.HasPrefix(n, "xl/") }):
		return errors.New(say + "it is an office document; name the file of weights")
	}
	for _, ext := range []string{".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar", ".th"} {
		for _, f := range files {
			if strings.EqualFold(path.Ext(f.Name), ext) {
				return fmt.Errorf("%sunpack it, and name %s", say, show(f.Name))
			}
		}
	}
	return errors.New(say + "unpack it if the checkpoint is inside")
}

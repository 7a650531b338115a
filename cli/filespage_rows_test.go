package cli

import (
	"fmt"
	"os"
	"strings"
)

const filesIntro = `# What is read

Each row is a file as people have them, and what a command says of it: this page is written by a test
(` + "`go test ./cli -run FilesPage`" + `) that calls the command on that file. What can't be used is an error that names the file and
the way out, or is left out and told; nothing is guessed from where it stands.

Files never run code, and what a file claims is held against its size before memory is given to it. Before the first step of
training every file of every split is read once; data are told by their names and bytes, so that a folder may be moved and a run
resumed. Which images of a large folder were checked is kept in the user's cache directory (` + "`monge/images`" + `), by size and time
of change.
`

// rows writes a table of n rows.
func rows(head string, n int, row func(i int) string) string {
	lines := []string{head}
	for i := range n {
		lines = append(lines, row(i))
	}
	return strings.Join(lines, "\n") + "\n"
}

// table is a file of 20 rows with a feature and a label behind what index says.
func table(head string, index func(i int) string) map[string]string {
	return map[string]string{"a.csv": rows(head, 20, func(i int) string { return fmt.Sprintf("%s%d.5,%d", index(i), i*i%7, i%2) })}
}

// reviews is a file of 20 texts.
func reviews(name, head string, line func(i int) string) map[string]string {
	return map[string]string{name: rows(head, 20, line)}
}

// folders are images in two folders for classes, with one more file.
func folders(name, content string) map[string]string {
	return map[string]string{"a/1.png": "%rgb.png", "b/2.png": "%rgb.png", name: content}
}

// pair is a table with one pair, and its image.
func pair(name, content string) map[string]string {
	return map[string]string{name: content, "a.png": "%rgb.png", "b.png": "%rgb.png"}
}

// model is a directory with a config alone, "" for none, beside pairs.
func model(config string) map[string]string {
	files := pair("p.tsv", "a.png\ta cat\nb.png\ta dog\n")
	if files["m/x"] = ""; config != "" {
		files["m/config.json"], files["m/model.safetensors"] = config, "@../weights/testdata/model.safetensors"
	}
	return files
}

const (
	infoCSV    = "data info csv:DIR/a.csv"
	infoText   = "data info text:DIR/"
	infoFolder = "data info imagefolder:DIR --size 8"
	show       = "weights show DIR/x"
	embed      = "align embed --model MODEL --out DIR/out --pairs "
)

func nothing(int) string { return "" }

// bytesField is a field of a protocol buffer.
func bytesField(num int, content ...string) string {
	s := strings.Join(content, "")
	return string([]byte{byte(num<<3 | 2), byte(len(s))}) + s
}

// outside is an ONNX file whose weights are in another one.
func outside(location string) string {
	weight := bytesField(5, "\x08\x02\x08\x02\x10\x01\x70\x01", bytesField(8, "w"), bytesField(13, bytesField(1, "location"), bytesField(2, location)))
	node := bytesField(1, bytesField(1, "x"), bytesField(1, "w"), bytesField(2, "y"), bytesField(4, "MatMul"))
	return bytesField(7, node, weight, bytesField(11, bytesField(1, "x")), bytesField(12, bytesField(1, "y")))
}

const (
	onnxNet   = "onnx:x:Nx1x8x8; Conv(_, conv.weight:4x1x3x3, conv.bias:4); Relu; Flatten; Gemm(_, fc.weight:10x144){transB=1}"
	showONNX  = "weights show DIR/x.onnx"
	trainONNX = "train --epochs 1 --max-steps 2 --init DIR/x.onnx"
)

// onnxFile is an ONNX file.
func onnxFile(content string) map[string]string { return map[string]string{"x.onnx": content} }

var fileSections = []fileSection{
	{"Tables", "`csv:FILE`: numbers with labels or targets. The first line names the columns; names decide.", []fileRow{
		{"commas, the label in column label", table("x,label", nothing), infoCSV, 0, ""},
		{"semicolons and decimal commas; tabs", map[string]string{"a.csv": "x;label\n1,5;a\n2,5;b\n"}, infoCSV, 0, ""},
		{"the label in class, category, target or y", table("x,Class", nothing), infoCSV, 0, "labels are those"},
		{"an index without a name, as pandas writes", table(",x,label", func(i int) string { return fmt.Sprintf("%d,", i) }), infoCSV, 0, "left out"},
		{"a column that may be an index", table("id,x,label", func(i int) string { return fmt.Sprintf("%d,", i) }), infoCSV, 1, "whole number"},
		{"another column without a name", table(",x,label", func(i int) string { return fmt.Sprintf("%d.5,", i%3) }), infoCSV, 1, "no name"},
		{"no column of labels", table("x,kind", nothing), infoCSV, 1, "no column"},
		{"a column of texts", map[string]string{"a.csv": "name,x,label\nann,1.5,a\n"}, infoCSV, 1, "finite number"},
		{"no value", map[string]string{"a.csv": "x,label\n1.5,a\n,b\n"}, infoCSV, 1, "no value"},
		{"true and false as numbers", map[string]string{"a.csv": "x,label\nTrue,a\nfalse,b\n"}, infoCSV, 0, ""},
		{"labels 0 and 0.0", map[string]string{"a.csv": "x,label\n1.5,0\n2.5,0.0\n3.5,1\n"}, infoCSV, 0, "2 classes"},
		{"another label in each row", map[string]string{"a.csv": rows("x,label", 20, func(i int) string { return fmt.Sprintf("%d.5,%d.25", i%3, i) })}, infoCSV, 1, "another label"},
		{"Latin-1", map[string]string{"a.csv": "x,label\n1.5,caf\xe9\n"}, infoCSV, 1, "UTF-8"},
		{"UTF-16", map[string]string{"a.csv": "\xff\xfex\x00,\x00"}, infoCSV, 1, "UTF-16"},
		{"a byte order mark", map[string]string{"a.csv": "\uFEFFx,label\n1.5,a\n2.5,b\n"}, infoCSV, 0, ""},
		{"a line too short", map[string]string{"a.csv": "x,y,label\n1.5,2,a\n1,b\n"}, infoCSV, 1, "fields"},
	}},
	{"Texts", "`text:FILE`, one text a line, or a directory with train, val and test.", []fileRow{
		{"LABEL<TAB>TEXT", reviews("a.tsv", "0\ta film", func(i int) string { return fmt.Sprintf("%d\tfilm %d", i%2, i) }), infoText + "a.tsv --size 8", 0, ""},
		{"columns with names, as GLUE has them", reviews("a.tsv", "sentence\tlabel", func(i int) string { return fmt.Sprintf("film %d\t%d", i, i%2) }), infoText + "a.tsv --size 8", 0, ""},
		{"more columns", reviews("a.tsv", "id\tsentence\tlabel", func(i int) string { return fmt.Sprintf("%d\tfilm %d\t%d", i, i, i%2) }), infoText + "a.tsv --size 8", 0, "left out"},
		{"no names, the label behind the text", reviews("a.tsv", "a film\t0", func(i int) string { return fmt.Sprintf("film %d\t%d", i, i%2) }), infoText + "a.tsv --size 8", 1, "other way around"},
		{"the same, with `?label=#2&text=#1`", reviews("a.tsv", "a film\t0", func(i int) string { return fmt.Sprintf("film %d\t%d", i, i%2) }), infoText + "a.tsv?label=#2&text=#1 --size 8", 0, ""},
		{"CSV with names", reviews("a.csv", "text,label", func(i int) string { return fmt.Sprintf("\"film, %d\",%d", i, i%2) }), infoText + "a.csv --size 8", 0, ""},
		{"JSON lines, a JSON array; keys text, sentence, review ..., label, class ...", reviews("a.jsonl", `{"review": "a", "sentiment": 1}`, func(i int) string { return fmt.Sprintf(`{"review": "film %d", "sentiment": %d}`, i, i%2) }), infoText + "a.jsonl --size 8", 0, ""},
		{"GLUE's pairs of texts; other networks than those of pairs see the first", reviews("a.tsv", "index\tquestion\tsentence\tlabel", func(i int) string { return fmt.Sprintf("%d\tfilm %d?\tyes\t%d", i, i, i%2) }), infoText + "a.tsv --size 8", 0, "pairs of texts"},
		{"pairs with a score: targets", reviews("a.tsv", "sentence1\tsentence2\tscore", func(i int) string { return fmt.Sprintf("film %d\tno\t%d.5", i, i%5) }), infoText + "a.tsv --size 8", 0, "targets score"},
		{"JSON with a list of labels: a target each, 1 or 0", reviews("a.jsonl", `{"text": "a", "labels": ["x"]}`, func(i int) string { return fmt.Sprintf(`{"text": "film %d", "labels": ["x", "y"]}`, i) }), infoText + "a.jsonl --size 8", 0, "targets x, y"},
		{"`csv:FILE?text=NAME`, `jsonl:FILE`", reviews("a.csv", "text,label", func(i int) string { return fmt.Sprintf("\"film, %d\",%d", i, i%2) }), "data info csv:DIR/a.csv?text=text --size 8", 0, ""},
		{"JSON with other keys", map[string]string{"a.jsonl": `{"a": "x", "b": 1}`}, infoText + "a.jsonl --size 8", 1, "no label"},
		{"Chinese, Thai, emoji: a character is a word", reviews("a.tsv", "0\t服影东", func(i int) string { return fmt.Sprintf("%d\t%s", i%2, strings.Repeat("影东", 1+i)) }), infoText + "a.tsv --size 8", 0, ""},
		{"texts without a word", reviews("a.tsv", "0\t!!", func(i int) string { return fmt.Sprintf("%d\tfilm %d", i%2, i) }), infoText + "a.tsv --size 8", 0, "without a word"},
		{"Latin-1", map[string]string{"a.tsv": "a\tcaf\xe9\n"}, infoText + "a.tsv --size 8", 1, "UTF-8"},
	}},
	{"Parquet", "`parquet:FILE`, as Hugging Face's data sets are kept, or a directory of train-*.parquet, validation-*.parquet, test-*.parquet.", []fileRow{
		{"texts; strings as classes; gzip", parquetFile("strings"), "data info parquet:DIR/strings.parquet --size 8", 0, "3 classes"},
		{"scores; Zstandard", parquetFile("scores"), "data info parquet:DIR/scores.parquet --size 8", 0, "targets label"},
		{"lists of labels, with names", parquetFile("labels"), "data info parquet:DIR/labels.parquet --size 8", 0, "targets sad, glad, calm"},
		{"images as bytes, classes by number with names", parquetFile("images"), "data info parquet:DIR/images.parquet", 0, "3x4x3"},
		{"cut short", map[string]string{"a.parquet": "PAR1 and so on, to no end"}, "data info parquet:DIR/a.parquet", 1, "cut short"},
	}},
	{"Folders of images", "`imagefolder:DIR`: DIR/CLASS/IMAGE, or that below DIR/train, DIR/val, DIR/test.", []fileRow{
		{"jpeg, png, gif, webp, bmp, tiff, ppm, pgm, pbm, by their content", folders("a/3.tif", "%rgb.raw.tif"), infoFolder, 0, ""},
		{"other files", folders("a/notes.txt", "x"), infoFolder, 0, "left out"},
		{"an image outside of the folders", folders("3.png", "%rgb.png"), infoFolder, 1, "outside"},
		{"a folder without images", folders("c/notes.txt", "x"), infoFolder, 1, "no image in it"},
		{"folders a level too deep", map[string]string{"photos/a/1.png": "%rgb.png", "photos/b/1.png": "%rgb.png"}, infoFolder, 1, "has one folder"},
		{"splits of other names", map[string]string{"x/a/1.png": "%rgb.png", "x/b/1.png": "%rgb.png", "y/a/1.png": "%rgb.png", "y/b/1.png": "%rgb.png"}, infoFolder, 1, "same folders"},
		{"a test class that training has not", map[string]string{"train/Cat/1.png": "%rgb.png", "train/b/1.png": "%rgb.png", "test/cat/1.png": "%rgb.png"}, infoFolder, 1, "did you mean"},
		{"names with composed and decomposed letters", map[string]string{"train/caf\u00e9/1.png": "%rgb.png", "train/b/1.png": "%rgb.png", "test/cafe\u0301/1.png": "%rgb.png"}, infoFolder, 0, ""},
		{"names that are not UTF-8", map[string]string{"\xb0\xa1/1.png": "%rgb.png", "\xb0\xa2/1.png": "%rgb.png"}, infoFolder, 0, "not UTF-8"},
		{"a file that is cut short, in training", folders("a/3.png", "%rgb.png/2"), "train --model mlp --epochs 1 --val 0 --size 8 --data imagefolder:DIR", 1, "3.png"},
		{"the same, with --skip-damaged", folders("a/3.png", "%rgb.png/2"), "train --model mlp --epochs 1 --val 0 --size 8 --skip-damaged --data imagefolder:DIR", 0, "left out"},
	}},
	{"Images", "Pixels are Pillow's, to the bit (`data/picture/testdata/kinds.json` has 297 kinds). Transparency is dropped; of an animation there is the first frame; above 8 bits as Pillow does.", []fileRow{
		{"JPEG: progressive", folders("a/3.jpg", "%rgb.progressive.jpg"), infoFolder, 0, ""},
		{"JPEG: any sampling", folders("a/3.jpg", "%sampled 24 11 11.jpg"), infoFolder, 0, ""},
		{"JPEG: CMYK and YCCK, with Adobe's marker or without", folders("a/3.jpg", "%cmykunmarked420.jpg"), infoFolder, 0, ""},
		{"JPEG: wrong restart markers", folders("a/3.jpg", "%restart1is3.jpg"), infoFolder, 0, ""},
		{"PNG: palettes, grey, 16 bits", folders("a/3.png", "%rgba16.png"), infoFolder, 0, ""},
		{"GIF: transparency, frames beyond the screen", folders("a/3.gif", "%screensmall.gif"), infoFolder, 0, ""},
		{"WebP: animated", folders("a/3.webp", "%frames.webp"), infoFolder, 0, ""},
		{"BMP: RLE, 16 bits, OS/2", folders("a/3.bmp", "%rle8.bmp"), infoFolder, 0, ""},
		{"TIFF: strips, tiles, planes, LZW, Deflate, PackBits, JPEG, fax, CMYK", folders("a/3.tif", "%rgb.tiff_lzw.tif"), infoFolder, 0, ""},
		{"PBM, PGM, PPM: text and binary", folders("a/3.ppm", "%3.ppm"), infoFolder, 0, ""},
		{"HEIC", folders("a/3.jpg", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), infoFolder, 1, "HEIC"},
		{"a web page under an image's name", folders("a/3.jpg", "<!DOCTYPE html><html>"), infoFolder, 1, "web page"},
		{"a pointer of Git LFS", folders("a/3.jpg", "version https://git-lfs.github.com/spec/v1\n"), infoFolder, 1, "LFS"},
		{"an empty file", folders("a/3.jpg", ""), infoFolder, 1, "empty"},
	}},
	{"Weights", "safetensors, and PyTorch's checkpoints of any age, for `--init`, `--weights` and `weights show`.", []fileRow{
		{"safetensors", map[string]string{"x": "@../weights/testdata/model.safetensors"}, show, 0, ""},
		{"torch.save, zip or legacy", map[string]string{"x": "@../weights/testdata/legacy_optimizer.pt"}, show, 0, ""},
		{"Python's objects beside the tensors", map[string]string{"x": "@../weights/testdata/objects/new_beside.pt"}, show, 0, "passed over"},
		{"a module saved whole", map[string]string{"x": "@../weights/testdata/objects/new_whole.pt"}, show, 0, ""},
		{"TorchScript", map[string]string{"x": "@../weights/testdata/objects/new_script.pt"}, show, 0, ""},
		{"Lightning, DeepSpeed, fairseq", map[string]string{"x": "@../weights/testdata/objects/new_lightning.pt"}, show, 0, ""},
		{"several networks: `--weights-key` chooses", map[string]string{"x": "@../weights/testdata/objects/new_two_ema.pt"}, show, 0, "networks"},
		{"a sparse tensor in the network", map[string]string{"x": "@../weights/testdata/objects/new_sparse.pt"}, show, 1, "sparse"},
		{"a web page", map[string]string{"x": "<!DOCTYPE html><html>"}, show, 1, "web page"},
		{"a pointer of Git LFS", map[string]string{"x": "version https://git-lfs.github.com/spec/v1\n"}, show, 1, "LFS"},
		{"HDF5", map[string]string{"x": "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 64)}, show, 1, "HDF5"},
		{"a file cut short", map[string]string{"x": "@../weights/testdata/zip_model.pt/2"}, show, 1, "x:"},
	}},
	{"Networks with their weights", "ONNX files, for `--init`, `--weights` and `weights show`, which says what a file has and what can't be run.", []fileRow{
		{"a network of images", onnxFile(onnxNet), showONNX, 0, "head:"},
		{"the same, trained", onnxFile(onnxNet), trainONNX, 0, "--batch-norm restore"},
		{"for other classes", onnxFile(strings.ReplaceAll(onnxNet, "10x144", "5x144")), trainONNX, 2, "'head new'"},
		{"the same, with `--head new`", onnxFile(strings.ReplaceAll(onnxNet, "10x144", "5x144")), trainONNX + " --head new", 0, "new, not from"},
		{"an operator that is not supported", onnxFile(strings.ReplaceAll(onnxNet, "Relu", "QuantizeLinear(_, @.1); DequantizeLinear(_, @.1)")), showONNX, 0, "not supported"},
		{"the same, trained", onnxFile(strings.ReplaceAll(onnxNet, "Relu", "QuantizeLinear(_, @.1); DequantizeLinear(_, @.1)")), trainONNX, 2, "not supported"},
		{"several inputs", onnxFile("onnx:x:Nx3; y:Nx3; Add(x, y); Gemm(_, 3x2)"), showONNX, 0, "its inputs"},
		{"texts, of a vocabulary of their own", onnxFile("onnx:ids:int64:Nx8; e=Gather(9x4, ids); Flatten; Gemm(_, 32x2)"), "predict --weights DIR/x.onnx --text film", 1, "words"},
		{"weights in another file, which is missing", onnxFile(outside("x.onnx_data")), showONNX, 1, "download it as well"},
		{"weights outside of the directory", onnxFile(outside("../x.onnx_data")), showONNX, 1, "outside"},
		{"a file cut short", onnxFile(onnxNet + "/2"), showONNX, 1, "download it again"},
		{"a web page", onnxFile("<!DOCTYPE html><html>"), showONNX, 1, "web page"},
		{"a pointer of Git LFS", onnxFile("version https://git-lfs.github.com/spec/v1\n"), showONNX, 1, "LFS"},
	}},
	{"Pairs of images and captions", "`pairs:FILE`, `coco:DIR`, `wds:GLOB`, for `align`.", []fileRow{
		{"IMAGE<TAB>CAPTION", pair("p.tsv", "a.png\ta cat\nb.png\ta dog\n"), embed + "pairs:DIR/p.tsv", 0, ""},
		{"CSV with names", pair("p.csv", "title,filepath\na cat,a.png\na dog,b.png\n"), embed + "pairs:DIR/p.csv", 0, ""},
		{"no names, the caption first", pair("p.tsv", "a cat\ta.png\na dog\tb.png\n"), embed + "pairs:DIR/p.tsv", 1, "p.tsv"},
		{"JSON with a list of captions", pair("p.jsonl", `{"image": "a.png", "captions": ["a cat", "an animal"]}`+"\n"+`{"image": "b.png", "captions": ["a dog"]}`+"\n"), embed + "pairs:DIR/p.jsonl", 0, "several captions"},
		{"a missing image", pair("p.tsv", "a.png\ta cat\nb.png\ta dog\nc.png\ta bird\n"), embed + "pairs:DIR/p.tsv", 0, "left out"},
		{"a web address", pair("p.tsv", "a.png\ta cat\nb.png\ta dog\nhttps://example.com/c.png\ta bird\n"), embed + "pairs:DIR/p.tsv", 0, "left out"},
	}},
	{"Models of others", "A CLIP's directory, as Hugging Face or OpenCLIP publish it: every setting in its files counts, does not matter, or is an error.", []fileRow{
		{"an empty directory", model(""), "align embed --model DIR/m --out DIR/out --pairs pairs:DIR/p.tsv", 1, "config.json"},
		{"another kind of model", model(`{"model_type": "bert"}`), "align embed --model DIR/m --out DIR/out --pairs pairs:DIR/p.tsv", 1, "bert"},
		{"a setting that is not known", model(`{"model_type": "clip", "projection_dim": 8, "window_size": 7, "text_config": {}, "vision_config": {}}`), "align embed --model DIR/m --out DIR/out --pairs pairs:DIR/p.tsv", 1, "window_size"},
	}},
	{"Settings and studies", "TOML with the names of flags, or a run's config.json.", []fileRow{
		{"a setting misspelt", map[string]string{"c.toml": "epohcs = 3\n"}, "train --config DIR/c.toml", 2, "did you mean"},
		{"a text for a number", map[string]string{"c.toml": "epochs = 'many'\n"}, "train --config DIR/c.toml", 2, "whole number"},
		{"JSON under a TOML's name", map[string]string{"c.toml": `{"epochs": 3}`}, "train --config DIR/c.toml", 2, "JSON"},
		{"a method without its radius", map[string]string{"c.toml": "method = 'm-sam'\n"}, "train --config DIR/c.toml", 2, "radius"},
		{"[grid] for [[grid]]", map[string]string{"s.toml": "[base]\nepochs = 1\n[grid]\nmethod = 'none'\n"}, "study run DIR/s.toml --out DIR/out", 2, "[[grid]]"},
	}},
}

// parquetFile is one of those that data's tests have.
func parquetFile(name string) map[string]string {
	name += ".parquet"
	b, _ := os.ReadFile("../data/testdata/parquet/" + name) // where tests run this program in another directory there is none
	return map[string]string{name: string(b)}
}

package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// clipConfig is preprocessor_config.json of openai/clip-vit-base-patch32, vitConfig is that
// of google/vit-base-patch16-224.
const (
	clipConfig = `{
  "crop_size": 224,
  "do_center_crop": true,
  "do_normalize": true,
  "do_resize": true,
  "feature_extractor_type": "CLIPFeatureExtractor",
  "image_mean": [0.48145466, 0.4578275, 0.40821073],
  "image_std": [0.26862954, 0.26130258, 0.27577711],
  "resample": 3,
  "size": 224
}`
	vitConfig = `{
  "do_normalize": true,
  "do_rescale": true,
  "do_resize": true,
  "image_mean": [0.5, 0.5, 0.5],
  "image_processor_type": "ViTImageProcessor",
  "image_std": [0.5, 0.5, 0.5],
  "resample": 2,
  "rescale_factor": 0.00392156862745098,
  "size": {"height": 224, "width": 224}
}`
)

var clipNormalization = Normalization{Mean: []float32{.48145466, .4578275, .40821073}, Std: []float32{.26862954, .26130258, .27577711}}

func TestReadPreprocessor(t *testing.T) {
	newer := strings.NewReplacer(`"crop_size": 224`, `"crop_size": {"height": 224, "width": 224}, "do_rescale": true, "do_convert_rgb": true, "rescale_factor": 0.00392156862745098`,
		`"size": 224`, `"size": {"shortest_edge": 256}`).Replace(clipConfig)
	half := Normalization{Mean: []float32{.5, .5, .5}, Std: []float32{.5, .5, .5}}
	path := filepath.Join(t.TempDir(), "preprocessor_config.json")
	for _, c := range []struct {
		name, text string
		want       Preprocessor
	}{
		{"clip", clipConfig, Preprocessor{224, 224, false, true, clipNormalization}},
		{"newer", newer, Preprocessor{256, 224, false, true, clipNormalization}},
		{"vit", vitConfig, Preprocessor{224, 0, false, false, half}},
		{"nothing said", `{}`, Preprocessor{224, 224, false, true, clipNormalization}},
		{"a number is the shorter side", `{"size": 256}`, Preprocessor{256, 224, false, true, clipNormalization}},
		{"a number is both sides where it says so", `{"size": 224, "default_to_square": true}`, Preprocessor{224, 0, false, true, clipNormalization}},
		{"a pair, and one number for all colours", `{"size": [224, 224], "image_mean": 0.5, "image_std": [0.5, 0.5, 0.5]}`, Preprocessor{224, 0, false, true, half}},
		{"a cut that cuts nothing", `{"size": {"height": 224, "width": 224}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": true}`, Preprocessor{224, 0, false, true, clipNormalization}},
		{"both sides, and a square of them", `{"size": {"height": 256, "width": 256}, "crop_size": 224}`, Preprocessor{256, 224, true, true, clipNormalization}},
		{"DeiT's defaults", `{"image_processor_type": "DeiTImageProcessorFast"}`, Preprocessor{256, 224, true, true, half}},
		{"SigLIP's defaults", `{"image_processor_type": "SiglipImageProcessor"}`, Preprocessor{224, 0, false, true, half}},
		{"ConvNeXt's below 384", `{"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224}`, Preprocessor{256, 224, false, true, half}},
		{"ConvNeXt's from 384", `{"image_processor_type": "ConvNextImageProcessor", "do_center_crop": null}`, Preprocessor{384, 0, false, true, half}},
		{"ViT's defaults", `{"feature_extractor_type": "ViTFeatureExtractor"}`, Preprocessor{224, 0, false, false, half}},
		{"number for both sides", `{"image_processor_type": "ViTImageProcessorFast", "size": 96, "resample": 3, "do_normalize": false}`, Preprocessor{Size: 96, Bicubic: true}},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadPreprocessor(path); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v %v, want %+v", c.name, got, err, c.want)
		}
	}
}

// Each setting means what it means to transformers, see testdata/gen_processor.py.
func TestPreprocessorsAsTransformers(t *testing.T) {
	b, err := os.ReadFile("testdata/processor.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Config json.RawMessage
		Pixels []float64
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	const w, h = 14, 10
	rgb := make([]uint8, w*h*3)
	for i := range rgb {
		rgb[i] = uint8(i * 7919)
	}
	path := filepath.Join(t.TempDir(), "preprocessor_config.json")
	for _, c := range all {
		if err := os.WriteFile(path, c.Config, 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := ReadPreprocessor(path)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := p.ReadRGB(rgb, w, h)
		if err != nil || len(got) != len(c.Pixels) {
			t.Errorf("%s: %d numbers, want %d (%v)", c.Config, len(got), len(c.Pixels), err)
			continue
		}
		for i, want := range c.Pixels {
			if !(math.Abs(float64(got[i])-want) < 2e-5) {
				t.Errorf("%s: number %d is %g, want %g", c.Config, i, got[i], want)
				break
			}
		}
	}
}

// A processor_config.json counts if it speaks of images.
func TestReadProcessor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "processor_config.json")
	for _, c := range []struct {
		text  string
		there bool
		want  string
	}{
		{`{"processor_class": "CLIPProcessor", "image_processor": ` + clipConfig + `}`, true, ""},
		{`{"processor_class": "CLIPProcessor", "image_processor": null}`, false, ""},
		{`{"processor_class": "CLIPProcessor"}`, false, ""},
		{`{"image_seq_length": 3}`, false, "processor_config.json: image_seq_length is 3: this setting is not known"},
		{`{"image_processor": {"do_pad": true}}`, false, "processor_config.json: image_processor: do_pad is true"},
		{`[]`, false, "no object"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		p, there, err := ReadProcessor(path)
		if there != c.there || there && p.Crop != 224 || (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v %v, error %v", c.text, p, there, err)
		}
	}
	if _, there, err := ReadProcessor(path + "none"); there || err != nil {
		t.Errorf("no file: %v, error %v", there, err)
	}
}

// What is written is what is read.
func TestPreprocessorJSON(t *testing.T) {
	norm := Normalization{Mean: []float32{.5, .25, .125}, Std: []float32{.3, .2, .1}}
	for _, want := range []Preprocessor{{Size: 32}, {Size: 224, Bicubic: true}, {Size: 256, Crop: 224, Bicubic: true, Normalize: norm}} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "preprocessor_config.json")
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadPreprocessor(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, %v; want %+v", b, got, err, want)
		}
	}
}

func TestReadPreprocessorErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "preprocessor_config.json")
	edit := func(old, new string) string {
		if !strings.Contains(clipConfig, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(clipConfig, old, new, 1)
	}
	for _, c := range []struct{ text, want string }{
		{"", "it is"},
		{clipConfig[:100], "it is"},
		{"[]", "it is a list where an object should be"},
		{edit(`"do_normalize": true`, `"do_normalise": true`), "do_normalise is true: this setting is not known here"},
		{edit(`"do_normalize": true`, `"do_pad": true`), "do_pad is true; only models where it is false can be read here"},
		{edit("CLIPFeatureExtractor", "BeitImageProcessor"), "BeitImageProcessor"},
		{edit(`"do_normalize": true`, `"image_processor_type": "BeitImageProcessor"`), `image_processor_type is "BeitImageProcessor"; those of CLIP, SigLIP, ViT, DeiT and ConvNeXt can be read here`},
		{edit(`"size": 224`, `"size": {"longest_edge": 224}`), "longest_edge is 224: this setting is not known here"},
		{edit(`"size": 224`, `"size": {"shortest_edge": 224, "longest_edge": 300}`), "longest_edge is 300"},
		{strings.Repeat(" ", 1<<20+1), "more than 1048576 bytes"},
		{edit(`"do_resize": true`, `"do_resize": false`), "do_resize is false"},
		{edit(`"resample": 3`, `"resample": null`), "resample is missing"},
		{edit(`"do_resize": true`, `"do_resize": null`), "do_resize is false"},
		{edit(`"size": 224`, `"size": null`), "size is missing"},
		{edit(`"resample": 3`, `"do_rescale": null`), "the factor must be 1/255"},
		{edit(`"image_mean": [0.48145466, 0.4578275, 0.40821073]`, `"image_mean": null`), "image_mean has 0 numbers"},
		{edit(`"resample": 3`, `"resample": 1`), "resample is 1; it must be 2 (bilinear) or 3 (bicubic)"},
		{edit(`"resample": 3`, `"resample": 3, "do_rescale": false`), "the factor must be 1/255"},
		{edit(`"resample": 3`, `"resample": 3, "rescale_factor": 0.0078`), "the factor must be 1/255"},
		{edit(`"size": 224`, `"size": "large"`), "neither a number nor an object"},
		{edit(`"size": 224`, `"size": -4`), "size is 0; it must be between 1 and 4096"},
		{edit(`"size": 224`, `"size": 4097`), "size is 4097; it must be between"},
		{edit(`"size": 224`, `"size": {"height": 224, "width": 336}`), "size is 224x336; it must be square"},
		{edit(`"size": 224`, `"size": 224, "crop_pct": 0.875`), "images are cut by one of them"},
		{`{"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0}`, "crop_pct is 0 of a size of 384"},
		{edit(`"size": 224`, `"size": {"height": 224, "width": 224, "shortest_edge": 224}`), "it must be one of them"},
		{edit(`"size": 224`, `"size": 200`), "crop_size is 224; it must be between 1 and size, which is 200"},
		{edit(`"crop_size": 224`, `"crop_size": {"height": 224}`), "height and width of a square"},
		{edit(`"crop_size": 224`, `"crop": 224`), "crop is 224: this setting is not known here"},
		{`{"image_processor_type": "ViTImageProcessor", "do_center_crop": true}`, "crop_size is missing"},
		{`{"size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": false}`, "do_center_crop is not true"},
		{edit(`0.48145466, `, ``), "image_mean has 2 numbers and image_std has 3"},
		{edit(`0.26862954`, `0`), "standard deviation of channel 0 is 0"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPreprocessor(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%.60q: error %v, want %s", c.text, err, c.want)
		}
	}
	if _, err := ReadPreprocessor(filepath.Join(dir, "none.json")); err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("no file: %v", err)
	}
}

// Pictures are resized and cut as Pillow and NumPy do it, to the byte, and each byte's number
// is that of CLIPImageProcessor's steps, see testdata/gen_preprocess.py.
func TestPreprocessAsPillow(t *testing.T) {
	b, err := os.ReadFile("testdata/preprocess.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Mean, Std []float32
		Levels    []byte
		Cases     []struct {
			Name       string
			Size, Crop int
			Bicubic    bool
			Zlib       []byte
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	var levels [256][3]float32
	if err := binary.Read(bytes.NewReader(unpack(t, golden.Levels)), binary.LittleEndian, &levels); err != nil {
		t.Fatal(err)
	}
	for _, c := range golden.Cases {
		p := Preprocessor{c.Size, c.Crop, false, c.Bicubic, Normalization{Mean: golden.Mean, Std: golden.Std}}
		x, err := p.Read(filepath.Join("testdata/images", c.Name))
		if err != nil {
			t.Error(err)
			continue
		}
		rgb := unpack(t, c.Zlib)
		if side := p.Side(); len(x) != 3*side*side || len(rgb) != len(x) {
			t.Errorf("%s, size %d, crop %d: %d numbers, want %d", c.Name, c.Size, c.Crop, len(x), len(rgb))
			continue
		}
		worst := 0.
		for i, v := range rgb {
			worst = max(worst, math.Abs(float64(x[i]-levels[v][i%3])))
		}
		if !(worst <= 3e-7) { // the next pixel value is .014 away
			t.Errorf("%s, size %d, crop %d, bicubic %v: differs by up to %g", c.Name, c.Size, c.Crop, c.Bicubic, worst)
		}
	}
}

func unpack(t testing.TB, b []byte) []byte {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPreprocessErrors(t *testing.T) {
	const image = "testdata/images/rgb.png"
	for _, c := range []struct {
		p    Preprocessor
		path string
		want string
	}{
		{Preprocessor{}, image, "size is 0 and crop 0; size must be between 1 and 4096"},
		{Preprocessor{Size: 8, Crop: 9}, image, "size is 8 and crop 9"},
		{Preprocessor{Size: 8, Normalize: Normalization{Mean: []float32{0}, Std: []float32{1}}}, image, "is for 1 channels"},
		{Preprocessor{Size: 8}, "testdata/none.png", "none.png"},
		{Preprocessor{Size: 8}, "testdata/gen_images.py", "gen_images.py: no image of a kind that is read (jpeg, png"},
	} {
		if _, err := c.p.Read(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v %s: error %v, want %s", c.p, c.path, err, c.want)
		}
	}
}

// Flat pictures stay flat: the weights of a window add up to one.
func TestResizeFlat(t *testing.T) {
	p := bitmap{17, 9, bytes.Repeat([]byte{0, 131, 255}, 17*9)}
	for _, f := range []filter{bilinear, bicubic} {
		for _, size := range []int{1, 2, 7, 16, 18, 100} {
			q := p.resize(size, size+3, f)
			if want := bytes.Repeat([]byte{0, 131, 255}, size*(size+3)); !slices.Equal(q.rgb, want) {
				t.Errorf("reach %g, size %d: %v", f.reach, size, q.rgb[:6])
			}
		}
	}
}

func FuzzPreprocessor(f *testing.F) {
	f.Add([]byte(clipConfig))
	f.Add([]byte(vitConfig))
	f.Add([]byte(`{"size": {"shortest_edge": 9}, "resample": 3, "do_center_crop": true, "crop_size": {"height": 7, "width": 7}, "do_normalize": false}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePreprocessor(b)
		if err != nil || p.Side() > 64 || p.Size > 64 {
			return
		}
		x, err := p.Read("testdata/images/rgb.png")
		if err != nil || len(x) != 3*p.Side()*p.Side() {
			t.Fatalf("%+v: %d numbers, %v", p, len(x), err)
		}
		for _, v := range x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("%+v: %g", p, v)
			}
		}
	})
}

// Bytes are read as a file of them is.
func TestPreprocessorReadBytes(t *testing.T) {
	const path = "testdata/images/photo420.jpg"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := Preprocessor{Size: 9, Crop: 7, Bicubic: true, Normalize: clipNormalization}
	want, err := p.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.ReadBytes(b); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v; bytes and file differ", err)
	}
	head := b[:strings.Index(string(b), "\xff\xda")] // all before the pixels
	if _, err := Header(strings.NewReader(string(head))); err != nil {
		t.Error(err)
	}
	if _, err := p.ReadBytes(head); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("error %v", err)
	}
	if _, err := Header(strings.NewReader("hello, world")); err == nil || !strings.HasPrefix(err.Error(), "no image of a kind that is read (jpeg, png") {
		t.Errorf("error %v", err)
	}
	if _, err := (Preprocessor{}).ReadBytes(b); err == nil || !strings.Contains(err.Error(), "size is 0") {
		t.Errorf("error %v", err)
	}
}

// Pixels are processed as a file of them, and stay as they are.
func TestPreprocessorReadRGB(t *testing.T) {
	picture, err := readPicture("testdata/images/photo420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(picture.rgb)
	for _, p := range []Preprocessor{{Size: 9, Crop: 7, Bicubic: true, Normalize: clipNormalization}, {Size: picture.w}} {
		want, err := p.Read("testdata/images/photo420.jpg")
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.ReadRGB(picture.rgb, picture.w, picture.h)
		if err != nil || !slices.Equal(got, want) || !slices.Equal(picture.rgb, before) {
			t.Errorf("%v; pixels and file differ", err)
		}
	}
	for _, tt := range []struct{ n, w, h int }{{0, 0, 0}, {12, 2, 3}, {12, -2, -2}, {12, 1, 1}, {0, 1 << 32, 1 << 32}, {0, 4, 0}} {
		if _, err := (Preprocessor{Size: 4}).ReadRGB(make([]uint8, tt.n), tt.w, tt.h); err == nil || !strings.Contains(err.Error(), "bytes are no image of") {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if _, err := (Preprocessor{}).ReadRGB(picture.rgb, picture.w, picture.h); err == nil || !strings.Contains(err.Error(), "size is 0") {
		t.Errorf("error %v", err)
	}
}

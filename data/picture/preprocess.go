package picture

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
)

// A Preprocessor makes of image files what a network takes that was trained elsewhere.
type Preprocessor struct {
	// The shorter side of an image is brought to Size, and a square of side Crop is cut
	// from its middle; if Crop is 0, both sides are brought to Size, whatever the shape.
	Size, Crop int
	Squeeze    bool // both sides are, though a square is cut
	Bicubic    bool // interpolation; else bilinear
	Normalize  Normalization
}

// A Resize is the part of a [Preprocessor] that makes one size of images' sizes.
type Resize struct {
	Size    int  `json:"size"`
	Crop    int  `json:"crop,omitempty"`
	Squeeze bool `json:"squeeze,omitempty"`
	Bicubic bool `json:"bicubic,omitempty"`
	// Even brings the middle to the nearest pixel, halves to even, as torchvision and timm do.
	Even bool `json:"even,omitempty"`
}

// Check returns an error for sizes that no image can be brought to.
func (r Resize) Check() error {
	return Preprocessor{Size: r.Size, Crop: r.Crop}.Check()
}

// Side is the height and width that images are brought to.
func (r Resize) Side() int { return Preprocessor{Size: r.Size, Crop: r.Crop}.Side() }

// Resize returns it.
func (p Preprocessor) Resize() Resize {
	return Resize{Size: p.Size, Crop: p.Crop, Squeeze: p.Squeeze, Bicubic: p.Bicubic}
}

// maxConfig bounds the bytes of a preprocessor_config.json.
const maxConfig = 1 << 20

// ReadPreprocessor reads preprocessor_config.json, which Hugging Face's CLIP and ViT models
// have beside their weights. Every key of it is honoured, known not to matter, or an error, and
// what it leaves out is as in Hugging Face's class of its image_processor_type, CLIP's if there is
// none. Errors name the file.
func ReadPreprocessor(path string) (Preprocessor, error) {
	b, err := readConfig(path)
	if err != nil {
		return Preprocessor{}, err
	}
	p, err := parsePreprocessor(b)
	if err != nil {
		return Preprocessor{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ReadProcessor reads what processor_config.json says of images, if it is there and does.
func ReadProcessor(path string) (p Preprocessor, there bool, err error) {
	b, err := readConfig(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	all, err := foreign.Object(b)
	if err == nil {
		err = processorKeys.Check("", all)
	}
	if err != nil {
		return p, false, fmt.Errorf("%s: %w", path, err)
	}
	images := all["image_processor"]
	if images == nil || string(images) == "null" {
		return p, false, nil
	}
	if p, err = parsePreprocessor(images); err != nil {
		return p, false, fmt.Errorf("%s: image_processor: %w", path, err)
	}
	return p, true, nil
}

func readConfig(path string) ([]byte, error) {
	b, err := foreign.ReadUpTo(path, maxConfig)
	return foreign.Text(b), err
}

// A preprocessorConfig is the part of the file that decides.
type preprocessorConfig struct {
	Type      string    `json:"image_processor_type"`
	Older     string    `json:"feature_extractor_type"`
	Resize    bool      `json:"do_resize"`
	Size      *side     `json:"size"`
	Square    *bool     `json:"default_to_square"` // what a number for the size means
	Resample  *int      `json:"resample"`
	Crop      bool      `json:"do_center_crop"`
	CropSize  *side     `json:"crop_size"`
	Rescale   bool      `json:"do_rescale"`
	Factor    *float64  `json:"rescale_factor"`
	Normalize bool      `json:"do_normalize"`
	Mean      perColour `json:"image_mean"`
	Std       perColour `json:"image_std"`
	CropShare *float64  `json:"crop_pct"` // ConvNeXt's: what of the shorter side is left
}

// imageKeys are what is known of a preprocessor_config.json's keys. All images are brought to RGB.
var imageKeys = foreign.IdleKeys("do_convert_rgb", "processor_class", "_processor_class", "auto_map", "_valid_processor_keys", "data_format",
	"input_data_format", "return_tensors", "device", "disable_grouping", "image_seq_length", "backend", "transformers_version", "name_or_path", "_name_or_path",
).With(foreign.Keys{
	"image_processor_type": foreign.Read, "feature_extractor_type": foreign.Read, "do_resize": foreign.Read, "size": foreign.Read,
	"default_to_square": foreign.Read, "resample": foreign.Read, "do_center_crop": foreign.Read, "crop_size": foreign.Read,
	"do_rescale": foreign.Read, "rescale_factor": foreign.Read, "do_normalize": foreign.Read, "image_mean": foreign.Read, "image_std": foreign.Read, "crop_pct": foreign.Read,
	"do_pad": foreign.Only(false), "use_square_size": foreign.Only(false), "do_flip_channel_order": foreign.Only(false),
	"do_thumbnail": foreign.Only(false), "do_align_long_axis": foreign.Only(false), "do_reduce_labels": foreign.Only(false), "reduce_labels": foreign.Only(false),
})

// processorKeys are those of a processor_config.json, whose tokenizer has a file of its own.
var processorKeys = foreign.IdleKeys("processor_class", "auto_map", "tokenizer", "feature_extractor", "chat_template", "transformers_version").With(foreign.Keys{
	"image_processor": foreign.Read,
})

// defaults are what Hugging Face's classes do where a file says nothing.
func defaults(kind string) (c preprocessorConfig, err error) {
	base := kind
	for _, suffix := range []string{"Fast", "Pil", "ImageProcessor", "FeatureExtractor"} {
		base = strings.TrimSuffix(base, suffix)
	}
	square, resample := base == "ViT" || base == "Siglip" || base == "DeiT", 2
	c.Square, c.Resample = &square, &resample
	c.Resize, c.Rescale, c.Normalize = true, true, true
	switch base {
	case "CLIP", "":
		resample = 3
		c.Size, c.Crop, c.CropSize = &side{n: 224}, true, &side{n: 224}
		c.Mean, c.Std = perColour{.48145466, .4578275, .40821073}, perColour{.26862954, .26130258, .27577711}
	case "ViT":
		c.Size = &side{n: 224}
		c.Mean, c.Std = perColour{.5, .5, .5}, perColour{.5, .5, .5}
	case "Siglip":
		resample = 3
		c.Size = &side{n: 224}
		c.Mean, c.Std = perColour{.5, .5, .5}, perColour{.5, .5, .5}
	case "DeiT":
		resample = 3
		c.Size, c.Crop, c.CropSize = &side{n: 256}, true, &side{n: 224}
		c.Mean, c.Std = perColour{.5, .5, .5}, perColour{.5, .5, .5}
	case "ConvNext":
		resample = 3
		share := 224. / 256
		c.Size, c.CropShare = &side{n: 384}, &share
		c.Mean, c.Std = perColour{.5, .5, .5}, perColour{.5, .5, .5}
	default:
		return c, fmt.Errorf("image_processor_type is %.80q; those of CLIP, SigLIP, ViT, DeiT and ConvNeXt can be read here", kind)
	}
	return c, nil
}

// A side is a number, a pair, or an object of which older and newer files use one form each.
type side struct {
	n, shortest, height, width int
}

func (s *side) UnmarshalJSON(b []byte) error {
	*s = side{}
	if json.Unmarshal(b, &s.n) == nil {
		return nil
	}
	if pair := []int(nil); json.Unmarshal(b, &pair) == nil && len(pair) == 2 {
		s.height, s.width = pair[0], pair[1]
		return nil
	}
	all, err := foreign.Object(b)
	if err != nil {
		return fmt.Errorf("%.80s is neither a number nor an object with shortest_edge, or height and width", b)
	}
	if err := sideKeys.Check("size or crop_size: ", all); err != nil {
		return err
	}
	var object struct {
		Shortest int `json:"shortest_edge"`
		Height   int `json:"height"`
		Width    int `json:"width"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return fmt.Errorf("%.80s is neither a number nor an object with shortest_edge, or height and width", b)
	}
	s.shortest, s.height, s.width = object.Shortest, object.Height, object.Width
	return nil
}

var sideKeys = foreign.IdleKeys("shortest_edge", "height", "width") // all are read

// perColour are a number for each of three, or one for all.
type perColour []float32

func (c *perColour) UnmarshalJSON(b []byte) error {
	var one float32
	if string(b) != "null" && json.Unmarshal(b, &one) == nil {
		*c = perColour{one, one, one}
		return nil
	}
	*c = nil
	return json.Unmarshal(b, (*[]float32)(c))
}

// MarshalJSON writes a preprocessor as a preprocessor_config.json that [ReadPreprocessor] reads as
// the same.
func (p Preprocessor) MarshalJSON() ([]byte, error) {
	square := func(n int) map[string]int { return map[string]int{"height": n, "width": n} }
	resample := 2
	if p.Bicubic {
		resample = 3
	}
	c := map[string]any{"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": true, "do_resize": true, "do_rescale": true,
		"rescale_factor": 1 / 255., "resample": resample, "do_center_crop": p.Crop > 0, "size": square(p.Size), "do_normalize": p.Normalize.Mean != nil}
	if p.Crop > 0 {
		c["crop_size"] = square(p.Crop)
		if !p.Squeeze {
			c["size"] = map[string]int{"shortest_edge": p.Size}
		}
	}
	if p.Normalize.Mean != nil {
		c["image_mean"], c["image_std"] = p.Normalize.Mean, p.Normalize.Std
	}
	return json.Marshal(c)
}

func parsePreprocessor(b []byte) (p Preprocessor, err error) {
	all, err := foreign.Object(b)
	if err != nil {
		return p, err
	}
	if err := imageKeys.Check("", all); err != nil {
		return p, err
	}
	for _, key := range []string{"do_resize", "do_center_crop", "do_rescale", "do_normalize"} {
		if string(all[key]) == "null" { // is off
			all[key] = json.RawMessage("false")
		}
	}
	if b, err = json.Marshal(all); err != nil {
		return p, err
	}
	var c preprocessorConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return p, err
	}
	if c, err = defaults(cmp.Or(c.Type, c.Older)); err != nil {
		return p, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return p, err
	}
	switch {
	case !c.Resize:
		return p, fmt.Errorf("do_resize is false; images must be brought to one size")
	case c.Size == nil:
		return p, fmt.Errorf("size is missing")
	case c.Resample == nil || *c.Resample != 2 && *c.Resample != 3:
		return p, fmt.Errorf("resample is %s; it must be 2 (bilinear) or 3 (bicubic)", show(c.Resample))
	case !c.Rescale || c.Factor != nil && !(math.Abs(*c.Factor*255-1) < 1e-6):
		return p, fmt.Errorf("do_rescale and rescale_factor ask for something else than pixels in [0, 1]; the factor must be 1/255")
	}
	p.Bicubic = *c.Resample == 3
	if err := c.cropByShare(); err != nil {
		return p, err
	}
	if p.Size, p.Crop, err = c.sides(); err != nil {
		return p, err
	}
	p.Squeeze = p.Crop > 0 && c.square()
	if c.Normalize {
		p.Normalize = Normalization{Mean: []float32(c.Mean), Std: []float32(c.Std)}
		if len(c.Mean) != 3 || len(c.Std) != 3 {
			return p, fmt.Errorf("image_mean has %d numbers and image_std has %d; there must be one for each of 3 colours", len(c.Mean), len(c.Std))
		}
		if err := p.Normalize.check(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func show(n *int) string {
	if n == nil {
		return "missing"
	}
	return fmt.Sprint(*n)
}

// cropByShare says in size and crop_size what ConvNeXt's crop_pct does: below 384 pixels images are cut to a
// share of their shorter side, larger ones are brought to a square as they are.
func (c *preprocessorConfig) cropByShare() error {
	s := *c.Size
	edge := max(s.n, s.shortest)
	switch {
	case c.CropShare == nil:
		return nil
	case c.Crop:
		return fmt.Errorf("crop_pct and do_center_crop are both there; images are cut by one of them")
	case s.height != 0 || edge < 1 || edge > MaxSide || !(*c.CropShare > .01 && *c.CropShare <= 1):
		return fmt.Errorf("crop_pct is %g of a size of %d; it must be above .01 and at most 1, of the shortest_edge", *c.CropShare, edge)
	case edge >= 384:
		c.Size = &side{height: edge, width: edge}
		return nil
	}
	c.Size, c.Crop, c.CropSize = &side{shortest: int(float64(edge) / *c.CropShare)}, true, &side{n: edge}
	return nil
}

// square reports whether both sides are brought to the size.
func (c *preprocessorConfig) square() bool {
	return c.Size.n != 0 && c.Square != nil && *c.Square || c.Size.height != 0
}

// sides returns what images are brought to, and the square that is cut out of them.
func (c *preprocessorConfig) sides() (size, crop int, err error) {
	s := *c.Size
	if s.n != 0 && c.square() {
		s = side{height: s.n, width: s.n}
	} else if s.n != 0 {
		s = side{shortest: s.n}
	}
	size = max(s.shortest, s.height)
	switch {
	case size < 1 || size > MaxSide:
		return 0, 0, fmt.Errorf("size is %d; it must be between 1 and %d", size, MaxSide)
	case s.height != s.width:
		return 0, 0, fmt.Errorf("size is %dx%d; it must be square", s.height, s.width)
	case s.height != 0 && s.shortest != 0:
		return 0, 0, fmt.Errorf("size has both shortest_edge and height; it must be one of them")
	case !c.Crop && s.shortest != 0:
		return 0, 0, fmt.Errorf("size is that of the shorter side and do_center_crop is not true; images of one size need both")
	case !c.Crop:
		return size, 0, nil
	case c.CropSize == nil:
		return 0, 0, fmt.Errorf("crop_size is missing")
	}
	crop = max(c.CropSize.n, c.CropSize.height)
	switch {
	case c.CropSize.height != c.CropSize.width || c.CropSize.shortest != 0:
		return 0, 0, fmt.Errorf("crop_size must be a number, or height and width of a square")
	case crop < 1 || crop > size:
		return 0, 0, fmt.Errorf("crop_size is %d; it must be between 1 and size, which is %d", crop, size)
	case s.height == crop: // nothing is cut off
		return size, 0, nil
	}
	return size, crop, nil
}

// Side returns the height and width of what Read returns.
func (p Preprocessor) Side() int {
	if p.Crop > 0 {
		return p.Crop
	}
	return p.Size
}

// Read reads an image file: side x side x 3 numbers, normalized, rows of red, green and blue.
// They are those of Hugging Face's CLIPImageProcessor, channels last. Errors name the file.
func (p Preprocessor) Read(path string) ([]float32, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	picture, err := readPicture(path)
	if err != nil {
		return nil, err
	}
	x, err := p.process(picture)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// ReadBytes is Read of a file's content, for images that lie in archives. Errors say what
// is wrong with it and leave its name to the caller.
func (p Preprocessor) ReadBytes(b []byte) ([]float32, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	picture, err := decodePicture(b)
	if err != nil {
		return nil, err
	}
	return p.process(picture)
}

// ReadRGB is Read of an image that is decoded: rows of red, green and blue, w pixels wide
// and h high.
func (p Preprocessor) ReadRGB(rgb []uint8, w, h int) ([]float32, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if w < 1 || h < 1 || w > maxPixels/h || len(rgb) != 3*w*h {
		return nil, fmt.Errorf("%d bytes are no image of %dx%d pixels, which has 3 for each, and %d pixels at most", len(rgb), w, h, maxPixels)
	}
	return p.process(bitmap{w, h, rgb})
}

// Check returns an error for sizes and a normalization that no image can be brought to.
func (p Preprocessor) Check() error {
	if p.Size < 1 || p.Size > MaxSide || p.Crop < 0 || p.Crop > p.Size {
		return fmt.Errorf("size is %d and crop %d; size must be between 1 and %d, crop at most that", p.Size, p.Crop, MaxSide)
	}
	return p.Normalize.CheckFor([]int{p.Side(), p.Side(), 3})
}

func (p Preprocessor) process(picture bitmap) ([]float32, error) {
	picture, err := p.fit(picture)
	if err != nil {
		return nil, err
	}
	x := make([]float32, len(picture.rgb))
	Floats(x, picture.rgb)
	p.Normalize.Apply(x)
	return x, nil
}

func (p Preprocessor) fit(picture bitmap) (bitmap, error) { return p.Resize().fit(picture) }

// fit resizes and cuts. Where what is cut off is odd, Hugging Face's middle is nearer to the
// start, torchvision's half the time.
func (r Resize) fit(picture bitmap) (bitmap, error) {
	f := bilinear
	if r.Bicubic {
		f = bicubic
	}
	picture, err := picture.scale(r.Size, r.Size, r.Crop > 0 && !r.Squeeze, f)
	if err != nil || r.Crop == 0 {
		return picture, err
	}
	if r.Even {
		return picture.cut(middle(picture.w, r.Crop), middle(picture.h, r.Crop), r.Crop, r.Crop), nil
	}
	return picture.cut((picture.w-r.Crop)/2, (picture.h-r.Crop)/2, r.Crop, r.Crop), nil
}

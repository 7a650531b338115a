package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data/picture"
)

func newPredictCommand() *cobra.Command {
	var (
		w       weightsFlags
		p       prediction
		texts   []string
		classes string
		crop    bool
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "predict [IMAGE...]",
		Short: "Classify images or texts with trained weights",
		Long: `Print the most probable classes of each image. Images are brought to the size of the
network's input, and to grey for a network of one channel; their pixels are normalized as
the file of weights says, or as is known of a published checkpoint. An image that can't
be read does not stop the others; the exit code is 1 then. For a network of texts give
--text instead, once for each.`,
		Example: "  monge predict --weights runs/a/weights.safetensors a.jpg b.png\n  monge predict --weights resnet20-12fca82f.th --top 1 --json cat.jpg\n  monge predict --weights runs/b/weights.safetensors --text 'library for reading PNG images'",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && len(texts) == 0:
				return usage("%s takes one image or more, got none", cmd.CommandPath())
			case len(args) != 0 && len(texts) != 0:
				return usage("%s takes images or --text, not both", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if p.top < 1 {
				return usage("--top is %d; it must be at least 1", p.top)
			}
			if !(p.threshold > 0 && p.threshold < 1) {
				return usage("--threshold is %g; it must be above 0 and below 1", p.threshold)
			}
			if w.Classes, err = classNames(classes); err != nil {
				return err
			}
			f, err := w.open()
			if err != nil {
				return err
			}
			if p.c, err = f.Load(w.Options); err != nil {
				return err
			}
			tellNotes(cmd.ErrOrStderr(), f.Path, f.Notes())
			p.texts = len(texts) != 0
			if in := p.c.Input; p.texts && len(in) != 1 {
				return fmt.Errorf("%s is for images of shape %v, not for texts", w.path, in)
			} else if len(in) == 1 && !p.texts {
				return fmt.Errorf("%s is for texts: give them by --text", w.path)
			}
			if p.texts {
				return p.run(cmd, texts, asJSON)
			}
			if p.fit, err = p.c.Fit(crop); err != nil {
				return fmt.Errorf("%s: %w", w.path, err)
			}
			tellNormalization(cmd.ErrOrStderr(), p.c)
			return p.run(cmd, args, asJSON)
		},
	}
	w.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&texts, "text", nil, "text to classify; for networks of pairs, two with a tab between")
	f.IntVar(&p.top, "top", 3, "classes to print")
	addThreshold(cmd, &p.threshold)
	f.StringVar(&classes, "classes", "", "names of the classes, a,b,c or a file with a line each or a JSON array (default what the weights say)")
	f.BoolVar(&crop, "crop", false, "cut the centre out of images instead of squeezing them")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// classNames reads names from a list a,b,c or from a file: a line each, or a JSON array; nil
// for "".
func classNames(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	names := strings.Split(s, ",")
	if len(names) == 1 {
		b, err := os.ReadFile(s)
		if err != nil {
			return nil, usage("--classes %s: one class is none to tell apart; give a,b,c or a file with a line each (%v)", s, err)
		}
		if names, err = classLines(b); err != nil {
			return nil, usage("--classes %s: %v", s, err)
		}
	}
	for i, n := range names {
		if names[i] = strings.TrimSpace(n); names[i] == "" {
			return nil, usage("--classes %s: name %d is empty", s, i+1)
		}
	}
	return names, nil
}

// classLines reads a file of class names, of editors that begin it with a byte order mark, too.
func classLines(b []byte) (names []string, err error) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) || bytes.IndexByte(b, 0) >= 0:
		return nil, errors.New("the file is UTF-16 or no text: save it as UTF-8")
	case !utf8.Valid(b):
		return nil, errors.New("the file is not UTF-8: save it as UTF-8")
	case bytes.HasPrefix(b, []byte("[")):
		if err := json.Unmarshal(b, &names); err != nil {
			return nil, fmt.Errorf("not a JSON array of names: %w", err)
		}
		return names, nil
	}
	return strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n"), nil
}

// prediction is how predict classifies.
type prediction struct {
	c     *classifier.Classifier
	top   int
	fit   picture.Fit
	texts bool // inputs are texts, not paths of images

	threshold float64 // of the probability of labels that apply
}

// A guess is a class and its probability.
type guess struct {
	Class       string  `json:"class"` // or label
	Probability float32 `json:"probability"`
}

// A value is a target and the number that is predicted for it.
type value struct {
	Target string  `json:"target"`
	Value  float32 `json:"value"`
}

// predicted is an element of what predict --json prints.
type predicted struct {
	Image string  `json:"image,omitempty"`
	Text  string  `json:"text,omitempty"`
	Top   []guess `json:"top,omitempty"`
	// Values are what a network predicts that has targets, no classes.
	Values []value `json:"values,omitempty"`
	// Labels are those that apply, where any may; Top are then the likeliest, whether they do or not.
	Labels *[]guess `json:"labels,omitempty"`
	Error  string   `json:"error,omitempty"`
}

// run classifies inputs, each by itself, so that a bad one does not stop the others.
func (p *prediction) run(cmd *cobra.Command, inputs []string, asJSON bool) error {
	out := make([]predicted, 0, len(inputs))
	var failed []string
	for _, input := range inputs {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		r := predicted{Image: input}
		if p.texts {
			r = predicted{Text: input}
		}
		var err error
		switch {
		case p.c.MultiLabel:
			err = p.label(input, &r)
		case p.c.Targets != nil:
			r.Values, err = p.values(input)
		default:
			r.Top, err = p.guess(input)
		}
		if err != nil {
			r.Error = err.Error()
			failed = append(failed, "\n  "+r.Error)
		}
		if out = append(out, r); !asJSON && err == nil {
			printPredicted(cmd.OutOrStdout(), &r)
		}
	}
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), out); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return errors.New(fmt.Sprintf("%d of %d %s failed:", len(failed), len(inputs), map[bool]string{false: "images", true: "texts"}[p.texts]) + strings.Join(failed, ""))
	}
	return nil
}

// read returns an input as the network takes it. Errors name the file.
func (p *prediction) read(input string) ([]float32, error) {
	if p.texts {
		if first, second, pair := strings.Cut(input, "\t"); pair && p.c.TakesPairs() {
			return p.c.PairTokens(first, second)
		}
		return p.c.Tokens(input)
	}
	pix, _, err := p.fit.Read(input)
	if err != nil {
		return nil, err
	}
	x := make([]float32, len(pix))
	picture.Floats(x, pix)
	return x, nil
}

// guess returns the most probable classes of an input. Errors name it.
func (p *prediction) guess(input string) ([]guess, error) {
	guesses, err := p.guesses(input, p.c.Classes)
	return guesses[:min(p.top, len(guesses))], err
}

// guesses returns all classes or labels of an input, the most probable first.
func (p *prediction) guesses(input string, names []string) ([]guess, error) {
	x, err := p.read(input)
	if err != nil {
		return nil, err
	}
	probability, err := p.c.Predict(x)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", input, err)
	}
	guesses := make([]guess, len(probability))
	for i, v := range probability {
		guesses[i] = guess{names[i], v}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(b.Probability, a.Probability) })
	return guesses, nil
}

// label says which labels apply to an input.
func (p *prediction) label(input string, r *predicted) error {
	guesses, err := p.guesses(input, p.c.Targets)
	if err != nil {
		return err
	}
	r.Top = guesses[:min(p.top, len(guesses))]
	n := 0
	for n < len(guesses) && float64(guesses[n].Probability) >= p.threshold {
		n++
	}
	labels := guesses[:n:n]
	r.Labels = &labels
	return nil
}

// values returns the numbers that are predicted for an input. Errors name it.
func (p *prediction) values(input string) ([]value, error) {
	x, err := p.read(input)
	if err != nil {
		return nil, err
	}
	numbers, err := p.c.Outputs(x)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", input, err)
	}
	values := make([]value, len(numbers))
	for i, v := range numbers {
		values[i] = value{p.c.Targets[i], v}
	}
	return values, nil
}

func printPredicted(w io.Writer, r *predicted) {
	fmt.Fprintln(w, r.Image+r.Text)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	guesses := r.Top
	if r.Labels != nil {
		guesses = *r.Labels
	}
	for _, g := range guesses {
		fmt.Fprintf(t, "  %s\t%.4f\n", printable(g.Class), g.Probability)
	}
	if r.Labels != nil && len(guesses) == 0 {
		fmt.Fprintf(t, "  none; the likeliest is %s\t%.4f\n", printable(r.Top[0].Class), r.Top[0].Probability)
	}
	for _, v := range r.Values {
		fmt.Fprintf(t, "  %s\t%.6g\n", printable(v.Target), v.Value)
	}
	t.Flush()
}

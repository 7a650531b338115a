package cli

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/align/embeddings"
	"github.com/monge-ml/monge/align/picture"
)

func newAlignMap() *cobra.Command {
	var m mapper
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "map PANEL...",
		Short: "Draw where images and texts lie, for one encoder or several side by side",
		Long: `Draw a map of pairs of an image and a text, as figure 7 of the M-SAM paper does: their
embeddings in one set, the first principal component removed, which is the modality, and
the rest laid out in the plane by t-SNE. Images are discs and texts rings, in the colour
of the class that pairs.tsv gives, grey without one. What lies close is similar; neither
directions, units nor the size of gaps mean anything.

A panel is NAME=DIR, or DIR, of a directory that 'monge align embed' has written. All
panels are of the same pairs.`,
		Example: "  monge align embed --model clip-vit-base-patch32 --pairs coco:coco --out embeddings\n" +
			"  monge align map pre-trained=embeddings --out map.png\n" +
			"  monge align map pre-trained=embeddings M-SAM=embeddings-msam --pairs-limit 500 --out map.svg",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s takes one panel or more, each NAME=DIR or DIR", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.check(args); err != nil {
				return err
			}
			m.log, m.quiet = cmd.ErrOrStderr(), asJSON
			r, err := m.run(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			return r.print(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.out, "out", "", "picture to write: "+strings.Join(picture.Extensions, " or ")+" by its extension")
	f.Float64Var(&m.perplexity, "perplexity", align.DefaultPerplexity, "about how many neighbours a point has to t-SNE")
	f.IntVar(&m.remove, "remove", 1, "principal components to remove")
	f.IntVar(&m.limit, "pairs-limit", 1000, "draw this many pairs at most, chosen by the seed")
	f.Uint64Var(&m.seed, "seed", 1, "seed of the choice of pairs and of the start of t-SNE")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	if err := cmd.MarkFlagFilename("out", "png", "svg"); err != nil {
		panic(err)
	}
	return cmd
}

// A mapper is one call of align map.
type mapper struct {
	out           string
	perplexity    float64
	remove, limit int
	seed          uint64
	log           io.Writer
	quiet         bool

	panels []*panel
}

// A panel is what one directory holds.
type panel struct {
	name, dir string
	*embeddings.Dir
}

// mapResult is what align map --json prints.
type mapResult struct {
	Map    string        `json:"map"`
	Panels []panelResult `json:"panels"`
}

type panelResult struct {
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	N       int       `json:"n"`       // pairs drawn
	KL      float64   `json:"kl"`      // nats
	Removed []float64 `json:"removed"` // shares of the variance that the removed components had
}

// check refuses what can be seen to be wrong before anything is read.
func (m *mapper) check(args []string) error {
	switch ext := strings.ToLower(filepath.Ext(m.out)); {
	case m.out == "":
		return usage("--out is missing: name the picture, like --out map.png")
	case !slices.Contains(picture.Extensions, ext):
		return usage("--out is %s; a map is written as %s", m.out, strings.Join(picture.Extensions, " or "))
	case !(m.perplexity > 1):
		return usage("--perplexity is %g; it must be above 1", m.perplexity)
	case m.remove < 0:
		return usage("--remove is %d; it must be at least 0", m.remove)
	case m.limit < 1 || m.limit > align.MaxPoints/2:
		return usage("--pairs-limit is %d; it must be from 1 to %d", m.limit, align.MaxPoints/2)
	}
	for _, arg := range args {
		p := newPanel(arg)
		if p.name == "" || p.dir == "" {
			return usage("panel %q: write it NAME=DIR, or DIR", arg)
		}
		for _, before := range m.panels {
			if before.name == p.name {
				return usage("%s and %s are both named %q: write them NAME=DIR", before.dir, p.dir, p.name)
			}
		}
		m.panels = append(m.panels, p)
	}
	return nil
}

// newPanel splits NAME=DIR; a directory is named by its last part.
func newPanel(arg string) *panel {
	name, dir, ok := strings.Cut(arg, "=")
	if info, err := os.Stat(arg); !ok || err == nil && info.IsDir() {
		dir, name = arg, filepath.Base(arg)
		if whole, err := filepath.Abs(arg); err == nil {
			name = filepath.Base(whole)
		}
	}
	return &panel{name: name, dir: dir}
}

func (m *mapper) run(ctx context.Context) (*mapResult, error) {
	for _, p := range m.panels {
		if err := p.read(); err != nil {
			return nil, err
		}
		if err := m.panels[0].alike(p); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	first := m.panels[0]
	rows := drawn(first.Images.Len(), m.limit, m.seed)
	drawing, result := &picture.Map{}, &mapResult{Map: m.out}
	if first.Pairs != nil {
		for _, i := range rows {
			drawing.Classes = append(drawing.Classes, first.Pairs[i].Class)
		}
	}
	line := newBar(m.log, "map", len(m.panels)*align.TSNEIterations, m.quiet)
	defer line.close()
	for i, p := range m.panels {
		t := align.TSNE{Perplexity: m.perplexity, Seed: m.seed, Progress: func(done int) {
			if done%100 == 0 { // the first iteration has waited for the components
				line.set(i*align.TSNEIterations + done)
			}
		}}
		at, err := p.layout(ctx, rows, m.remove, t)
		if err != nil {
			return nil, err
		}
		drawing.Panels = append(drawing.Panels, picture.Panel{Name: p.name, Images: at.Images, Texts: at.Texts})
		result.Panels = append(result.Panels, panelResult{p.name, p.dir, len(rows), at.KL, at.Removed})
	}
	return result, picture.Write(m.out, drawing)
}

// read reads the panel's files.
func (p *panel) read() (err error) {
	p.Dir, err = embeddings.ReadDir(p.dir)
	return err
}

// alike checks that another panel is of the same pairs.
func (p *panel) alike(q *panel) error {
	const fix = "embed the same pairs for all panels, with the same --seed"
	switch a, b := p.Images.Len(), q.Images.Len(); {
	case a != b:
		return fmt.Errorf("%s has %d pairs, %s has %d: %s", p.dir, a, q.dir, b, fix)
	case (p.Pairs == nil) != (q.Pairs == nil):
		return fmt.Errorf("of %s and %s one has no %s to say which pairs it is of: %s", p.dir, q.dir, embeddings.PairsFile, fix)
	}
	for i := range p.Pairs {
		if p.Pairs[i] != q.Pairs[i] {
			return fmt.Errorf("%s and %s are of different pairs: line %d of their %s differs: %s", p.dir, q.dir, i+2, embeddings.PairsFile, fix)
		}
	}
	return nil
}

// drawn chooses at most limit of n rows by the seed, in order.
func drawn(n, limit int, seed uint64) []int {
	rows := rand.New(rand.NewPCG(seed, 0)).Perm(n)[:min(n, limit)]
	slices.Sort(rows)
	return rows
}

func (p *panel) layout(ctx context.Context, rows []int, remove int, t align.TSNE) (*align.Map, error) {
	images, err := p.Images.Pick(rows)
	if err != nil {
		return nil, err
	}
	texts, err := p.Texts.Pick(rows)
	if err != nil {
		return nil, err
	}
	at, err := align.NewMap(ctx, images, texts, remove, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.dir, err)
	}
	return at, nil
}

func (r *mapResult) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "panel\tpairs\tKL\tremoved")
	for _, p := range r.Panels {
		shares := make([]string, len(p.Removed))
		for i, s := range p.Removed {
			shares[i] = fmt.Sprintf("%.1f%%", 100*s)
		}
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%s\n", plain(p.Name), p.N, p.KL, strings.Join(shares, ", "))
	}
	t.Flush()
	_, err := fmt.Fprintf(w, "\nMap: %s\n", r.Map)
	return err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/align/embeddings"
	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/data"
)

func newAlignEmbed() *cobra.Command {
	var e embedder
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "embed",
		Short: "Embeddings of images and their captions by a CLIP model",
		Long: `Embed pairs of an image and a caption by a CLIP model in a directory as Hugging Face
publishes them (config.json; model.safetensors or pytorch_model.bin, or either in parts with an
index; tokenizer.json, or vocab.json and merges.txt; processor_config.json or
preprocessor_config.json), or OpenCLIP (open_clip_config.json, open_clip_model.safetensors
or open_clip_pytorch_model.bin, and such a tokenizer; captions are mended as OpenCLIP does).

Written are images.safetensors and texts.safetensors, each with a tensor "embeddings" of a
row for each pair, as 'monge align score' reads them, and pairs.tsv, a line for each pair:
image, member of the shard, class, caption. Pairs whose image can't be read are left out of
all, and counted.`,
		Example: "  monge align embed --model clip-vit-base-patch32 --pairs coco:coco --out embeddings\n" +
			"  monge align score --a embeddings/images.safetensors --b embeddings/texts.safetensors",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, f := range []struct{ name, value string }{{"model", e.dir}, {"pairs", e.spec}, {"out", e.out}} {
				if f.value == "" {
					return usage("--%s is missing", f.name)
				}
			}
			if e.batch < 1 {
				return usage("--batch is %d; it must be at least 1", e.batch)
			}
			e.log, e.quiet = cmd.ErrOrStderr(), asJSON
			if err := e.run(cmd.Context()); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"n": e.n, "skipped": e.skipped, "images": e.path(embeddings.ImagesFile), "texts": e.path(embeddings.TextsFile), "pairs": e.path(embeddings.PairsFile)})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d pairs embedded, %d left out: %s, %s, %s\n", e.n, e.skipped, e.path(embeddings.ImagesFile), e.path(embeddings.TextsFile), e.path(embeddings.PairsFile))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.dir, "model", "", "directory of a CLIP model")
	f.StringVar(&e.spec, "pairs", "", "pairs: "+strings.Join(pairs.Specs(), ", "))
	f.StringVar(&e.out, "out", "", "directory to write into")
	f.IntVar(&e.batch, "batch", 64, "pairs to embed at one time")
	f.Uint64Var(&e.seed, "seed", 1, "seed of the choice among an image's captions")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// An embedder is one call of align embed.
type embedder struct {
	dir, spec, out string
	batch          int
	seed           uint64
	log            io.Writer
	quiet          bool

	images, texts []float32
	pairs         []embeddings.Pair // of the rows
	n, skipped    int
}

func (e *embedder) path(name string) string { return filepath.Join(e.out, name) }

func (e *embedder) run(ctx context.Context) error {
	if err := embeddings.Keeps(e.out); errors.Is(err, embeddings.ErrOther) {
		return usage("%v: give another --out", err)
	} else if err != nil {
		return err
	}
	if err := writable(e.out); err != nil { // before the work, not after it
		return err
	}
	list, err := pairs.Open(ctx, e.spec, pairs.Options{Seed: e.seed})
	if bad := data.UsageError(""); errors.As(err, &bad) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if s := list.Report.String(); s != "" {
		fmt.Fprintln(e.log, s)
	}
	e.skipped = list.Skipped()
	p, err := clip.Open(e.dir)
	if err != nil {
		return err
	}
	line := newBar(e.log, "embed", len(list.Pairs), e.quiet)
	defer line.close()
	for lo := 0; lo < len(list.Pairs); lo += e.batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+e.batch, len(list.Pairs))
		if err := e.embed(p, list.Pairs[lo:hi]); err != nil {
			return err
		}
		line.set(hi)
	}
	if e.n == 0 {
		return fmt.Errorf("%s: no pair could be read", e.spec)
	}
	return embeddings.WriteDir(e.out, e.images, e.texts, e.pairs)
}

// embed appends the embeddings of pairs, except of those whose image can't be read.
func (e *embedder) embed(p *clip.Pretrained, some []pairs.Pair) error {
	var b clip.Batch
	for i := range some {
		x, err := some[i].Read(p.Preprocessor)
		if err != nil {
			e.skipped++
			fmt.Fprintln(e.log, "left out:", err)
			continue
		}
		tokens, err := p.Tokens(some[i].Caption)
		if err != nil {
			return err
		}
		b.Images, b.Tokens = append(b.Images, x...), append(b.Tokens, tokens)
		e.pairs = append(e.pairs, embeddings.Pair{Image: some[i].Path, Member: some[i].Member, Class: some[i].Class, Caption: some[i].Caption})
	}
	if len(b.Tokens) == 0 {
		return nil
	}
	images, err := p.EmbedImages(p.Theta, b.Images)
	if err != nil {
		return err
	}
	e.images = append(e.images, images...)
	texts, err := p.EmbedTexts(p.Theta, b.Tokens)
	if err != nil {
		return err
	}
	e.texts = append(e.texts, texts...)
	e.n += len(b.Tokens)
	return nil
}

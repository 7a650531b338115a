package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/align/embeddings"
)

func newAlignCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "align",
		Short:   "Fine-tune a CLIP model, measure how far its two sides agree, and draw them",
		Example: "  monge align score --a images.safetensors --b texts.safetensors",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAlignScore(), newAlignEmbed(), newAlignMap(), newAlignTrain())
	return cmd
}

func newAlignScore() *cobra.Command {
	var (
		paths  [2]string
		k      int
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "score",
		Short: "Agreement of the embeddings of two files, row by row",
		Long: `Compare two sets of embeddings whose rows are pairs, of images and their captions say:
each file has a tensor "embeddings" with a row for each pair. Printed are

  S_kNN         the share of k nearest neighbours that a row has in both sets
  recall        how often a row's partner is among the 1, 5, 10 nearest of the other set
  modality gap  the distance between the means of the two sets
  spread        the deviation of the similarities across the sets; 0 is a collapse, and
                what else is printed says nothing then

Similarities are cosines, and ties go to the smaller index. S_kNN looks for neighbours
within a set, so that the two may differ in dimension; the others are left out then
(null in JSON).`,
		Example: "  monge align score --a images.safetensors --b texts.safetensors --k 8 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for i, name := range []string{"a", "b"} {
				if paths[i] == "" {
					return usage("--%s is missing: name a safetensors file with a tensor %q", name, embeddings.Tensor)
				}
			}
			if k < 1 {
				return usage("--k is %d; it must be at least 1", k)
			}
			s, err := scoreFiles(cmd.Context(), paths, k)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), s)
			}
			s.print(cmd.OutOrStdout())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&paths[0], "a", "", "file of the first embeddings, those of images say")
	f.StringVar(&paths[1], "b", "", "file of the second, those of the captions in the same order")
	f.IntVar(&k, "k", align.DefaultK, "neighbours of S_kNN")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// alignScores is what align score --json prints.
type alignScores struct {
	SKNN   float64       `json:"s_knn"`
	K      int           `json:"k"`
	Recall *alignRecalls `json:"recall"` // null, as the next two, if the dimensions differ
	Gap    *float64      `json:"modality_gap"`
	Spread *float64      `json:"spread"`
	N      int           `json:"n"`
	Dims   [2]int        `json:"dims"` // of A's rows and of B's
}

type alignRecalls struct {
	AToB align.Recall `json:"a_to_b"`
	BToA align.Recall `json:"b_to_a"`
}

// scoreFiles compares the embeddings of two files. When ctx is done it returns, and
// leaves the computation behind.
func scoreFiles(ctx context.Context, paths [2]string, k int) (*alignScores, error) {
	var sets [2]*align.Embeddings
	for i, path := range paths {
		var err error
		if sets[i], err = embeddings.Read(path); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	a, b := sets[0], sets[1]
	if a.Len() != b.Len() {
		return nil, fmt.Errorf("%s has %d embeddings, %s has %d: give both of the same pairs, in the same order", paths[0], a.Len(), paths[1], b.Len())
	}
	if k >= a.Len() {
		return nil, usage("--k is %d, but an embedding of %s has %d others: give a smaller --k, or more pairs", k, paths[0], a.Len()-1)
	}
	var s *alignScores
	var err error
	done := make(chan struct{})
	go func() {
		s, err = score(a, b, k)
		close(done)
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-done:
		return s, err
	}
}

func score(a, b *align.Embeddings, k int) (*alignScores, error) {
	s := &alignScores{K: k, N: a.Len(), Dims: [2]int{a.Dim(), b.Dim()}}
	var err error
	if s.SKNN, err = align.MutualKNN(a, b, k); err != nil || a.Dim() != b.Dim() {
		return s, err
	}
	s.Recall = &alignRecalls{}
	if s.Recall.AToB, s.Recall.BToA, err = align.Retrieval(a, b); err != nil {
		return nil, err
	}
	gap, err := align.ModalityGap(a, b)
	if err != nil {
		return nil, err
	}
	spread, err := align.Spread(a, b)
	s.Gap, s.Spread = &gap, &spread
	return s, err
}

func (s *alignScores) print(w io.Writer) {
	fmt.Fprintf(w, "pairs         %d\nS_kNN         %.4f, k %d\n", s.N, s.SKNN, s.K)
	if s.Recall == nil {
		fmt.Fprintf(w, "recall, modality gap and spread need one dimension; A has %d numbers a row, B %d\n", s.Dims[0], s.Dims[1])
		return
	}
	fmt.Fprintf(w, "modality gap  %.4f\nspread        %.4f\n\n", *s.Gap, *s.Spread)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "recall\tat 1\tat 5\tat 10")
	for _, r := range []struct {
		name string
		align.Recall
	}{{"A to B", s.Recall.AToB}, {"B to A", s.Recall.BToA}} {
		fmt.Fprintf(t, "%s\t%.4f\t%.4f\t%.4f\n", r.name, r.At1, r.At5, r.At10)
	}
	t.Flush()
}

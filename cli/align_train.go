package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/train"
)

func newAlignTrain() *cobra.Command {
	cmd := trainCommand(train.DefaultAlignment())
	cmd.Use, cmd.Short = "train", "Fine-tune a CLIP model on pairs of images and captions, or begin one"
	cmd.Long = `Train a CLIP model by the symmetric contrastive loss, and print how far the embeddings of
images and captions agree. --init names a directory as Hugging Face or OpenCLIP publishes
CLIP models; --model clip-tiny begins one with a vocabulary made from the captions. The run's
directory holds the model in Hugging Face's layout: 'monge align embed --model RUN/model'.

All flags of 'monge train' that classes don't need are there, and work the same: --resume
goes on with a run and gets the same bits. With --microbatch the loss still compares all pairs
of a minibatch and its gradient is the exact one; memory is that of the microbatch. What is
left over of the pairs after the last whole minibatch waits for another epoch's order. Long
captions are cut.

'Collapsed' says that the loss is that of similarities which are all alike (ln of the batch).`
	cmd.Example = `  monge align train --init clip-vit-base-patch32 --data 'coco:coco?split=train2017' --val 1000 --method m-sam --rho 0.02 --out runs/clip
  monge align train --init clip-vit-base-patch32 --data pairs:cats.tsv --lora 8 --lora-on '[qv]_proj' --microbatch 16 --out runs/lora
  monge align train --model clip-tiny --data 'emoji:emoji?set=twitter&split=train' --val-data 'emoji:emoji?set=twitter&split=val' --lr 1e-3 --epochs 60 --out runs/tiny`
	complete(cmd, "model", train.AlignmentModels...)
	for _, name := range []string{"data", "val-data", "test-data"} {
		complete(cmd, name, pairs.Specs()...)
	}
	return cmd
}

// lastAlignment is the last record's, or nil.
func lastAlignment(res train.Result) *train.Alignment {
	if n := len(res.Records); n > 0 {
		return res.Records[n-1].Alignment
	}
	if res.Best != nil {
		return res.Best.ValAlignment
	}
	return nil
}

func printAlignment(w io.Writer, res train.Result) {
	line := func(name string, a *train.Alignment, loss train.Real) {
		if a == nil {
			return
		}
		fmt.Fprintf(w, "%s\tS_kNN %.4f\tloss %s\trecall at 1 %.3f %.3f\tgap %.3f\ttemperature %.4f", name, a.SKNN, number(loss), a.ImageToText.At1, a.TextToImage.At1, a.ModalityGap, float64(a.Temperature))
		if a.Collapsed {
			fmt.Fprint(w, "\tcollapsed")
		}
		fmt.Fprintln(w)
	}
	line("test", res.Alignment, res.TestLoss)
	line("val", lastAlignment(res), res.ValLoss)
	if b := res.Best; b != nil && b.ValAlignment != nil {
		fmt.Fprintf(w, "best on val\tS_kNN %.4f\tat step %d", b.ValAlignment.SKNN, b.Step)
		if b.Alignment != nil {
			fmt.Fprintf(w, "\ttest S_kNN %.4f", b.Alignment.SKNN)
		}
		fmt.Fprintln(w)
	}
}

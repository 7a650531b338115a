package cli

import (
	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/contrast"
)

func newAlignTrain() *cobra.Command {
	cmd := trainCommand(contrast.Default())
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
	complete(cmd, "model", contrast.Models()...)
	for _, name := range []string{"data", "val-data", "test-data"} {
		complete(cmd, name, pairs.Specs()...)
	}
	return cmd
}

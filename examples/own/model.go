package main

import (
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

// strip is two convolutions for images of any height and width: --model strip.
var strip = models.Entry{
	Name: "strip", Info: "two convolutions and a linear layer, for images of any shape", Input: []int{high, wide, 1},
	Build: func(b nn.Builder, o models.Options) nn.Layer {
		return nn.Sequential{
			b.Conv2d("conv1", o.Input[2], 8, 3, nn.ConvOptions{Pad: 1}), nn.ReLU, nn.MaxPool(2, 2, 0),
			b.Conv2d("conv2", 8, 16, 3, nn.ConvOptions{Pad: 1}), nn.ReLU, nn.Flatten,
			b.Linear("fc", 16*(o.Input[0]/2)*(o.Input[1]/2), o.Classes),
		}
	},
}

// Command own is monge with data sets, networks, a method, a base optimizer and a task of its
// own. They are then in every flag, help text, study and page, as those of monge are.
package main

import (
	"github.com/monge-ml/monge/cli"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

func main() {
	data.Register(shapes)
	data.Register(slopes)
	data.Register(opinions)
	models.Register(strip)
	models.Register(letters)
	sam.Register(box)
	optim.Register(signum)
	train.Register(sine)
	cli.Main()
}

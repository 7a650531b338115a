// Command monge trains networks towards flat minima with Monge SAM (M-SAM) and its
// family, compares them, and redraws the paper's experiments.
package main

import "github.com/monge-ml/monge/cli"

func main() { cli.Main() }

package paper_test

import (
	"context"
	"fmt"

	"github.com/monge-ml/monge/paper"
)

// Redraw figure 3 and ask whether its numbers are the paper's.
func ExampleRedraw() {
	f, err := paper.Redraw(context.Background(), "fig3")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range f.Comparison[:4] {
		fmt.Printf("%-27s %7.4f %7.4f %s\n", r.Name, r.Expected, r.Ours, r.Verdict)
	}
	fmt.Println("differing:", f.Differing())
	// Output:
	// SAM, lr 0.66, final theta   -0.5824 -0.5824 agrees
	// SAM, lr 0.66, final loss     0.3391  0.3391 agrees
	// M-SAM, lr 0.66, final theta -0.4380 -0.4380 agrees
	// M-SAM, lr 0.66, final loss   0.1919  0.1919 agrees
	// differing: []
}

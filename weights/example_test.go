package weights_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/monge-ml/monge/weights"
)

func ExampleRead() {
	f, err := weights.Read("testdata/zip_parallel.pt")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Format, "of epoch", f.Metadata["epoch"])
	for i, t := range f.StateDict()[:2] {
		fmt.Println(f.Tensors[i].Name, "is", t.Name, t.DType, t.Shape)
	}
	// Output:
	// torch zip of epoch 12
	// state_dict.module.conv.weight is conv.weight F32 [3 2 3 3]
	// state_dict.module.bn.weight is bn.weight F32 [3]
}

func ExampleMatch() {
	f, err := weights.Read("testdata/legacy_model.pt")
	if err != nil {
		log.Fatal(err)
	}
	have := f.StateDict()
	plan, err := weights.Match(
		[]weights.Spec{{Name: "conv.weight", Shape: []int{3, 2, 3, 3}}, {Name: "fc.weight", Shape: []int{10, 3}}},
		have,
		weights.MatchOptions{
			MisShaped:  []string{"fc.*"}, // a new head, for other classes
			Unexpected: []string{"bn.*", "tied.*", "fc.bias"},
		})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(have[plan.From[0]].Name, "is taken,", plan.MisShaped, "kept")
	// Output: conv.weight is taken, [fc.weight] kept
}

func ExampleMatch_error() {
	f, err := weights.Read("testdata/legacy_tensor.pt")
	if err != nil {
		log.Fatal(err)
	}
	_, err = weights.Match([]weights.Spec{{Name: "tensors", Shape: []int{5}}}, f.StateDict())
	fmt.Println(err)
	// Output:
	// the weights don't fit the model: of 1 tensors wanted and 1 there, 1 missing, 1 unexpected, 0 of another shape
	//   missing     tensors (5); nearest in the file: tensor (4)
	//   unexpected  tensor (4); nearest in the model: tensors (5)
	// choose the model that the weights were made for, or rename the tensors before they are saved
}

func ExampleWriteSafetensors() {
	var b bytes.Buffer
	err := weights.WriteSafetensors(&b, []weights.Tensor{
		{Name: "w", Shape: []int{2}, Data: []float32{1, -2}},
		{Name: "b", Shape: []int{1}, Data: []float32{1.0 / 3}, DType: weights.BF16},
	}, map[string]string{"model": "mlp"})
	if err != nil {
		log.Fatal(err)
	}
	f, err := weights.ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory")
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range f.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape, t.Data)
	}
	// Output:
	// w F32 [2] [1 -2]
	// b BF16 [1] [0.33398438]
}

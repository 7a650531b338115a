package weights

import (
	"fmt"
	"io"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// WriteFile writes tensors and metadata as a safetensors file, whole or not at all. Errors name
// the file.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return WriteSafetensors(w, tensors, metadata) })
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

package data

// A Normalization maps pixels in [0, 1] to what a network was trained on:
// (x - Mean)/Std by channel. The zero value is the identity.
type Normalization struct {
	Name      string    // of a preset, or ""
	Mean, Std []float32 // by channel
}

package sam

// OnNorms is the part of a network that SAM-ON perturbs: scales and shifts of its normalisation layers.
const OnNorms = "norms"

var normSAM = preset(Method{
	Name: "sam-on", Label: "SAM-ON", Info: "SAM on normalisation layers alone, with the norm over them (Mueller et al. 2023, arXiv 2306.04226); the engine leaves out the other weights' gradients",
	On:   OnNorms,
	Look: Look{Ink: 6, Width: 1.8, Dashes: []float64{4, 2}, Mark: "box", Radius: 3},
})

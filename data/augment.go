package data

// Augment says how training images are varied. The zero value leaves them alone.
type Augment struct {
	Pad    int     // random crops out of the image with so many zero pixels at each side
	Flip   bool    // mirror half of the images
	Cutout int     // zero a square of this side at a random place
	Mixup  float64 // mix each minibatch with itself in another order, by a share drawn from Beta(Mixup, Mixup)
}

package train

// Draws returns how many steps have drawn random numbers.
func (r *Run) Draws() uint64 { return r.task.draws() }

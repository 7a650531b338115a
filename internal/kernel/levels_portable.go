package kernel

// portable has nothing but the twins.
var portable = operations{
	level:  Portable,
	name:   "portable",
	usable: func() bool { return true },
	target: target{mr: 4, nr: 4, lanes: 1, pitch: 4, dotRows: 1, dotCols: dotCols},
}

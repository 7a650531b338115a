package registry

// Values returns the values of numbers: those given, and the defaults of the others. Unknown
// is the name of one that is given and is not among them, if there is any.
func Values(numbers []Number, given map[string]float64) (values map[string]float64, unknown string) {
	values = make(map[string]float64, len(numbers))
	for _, n := range numbers {
		values[n.Name] = n.Default
	}
	for name, v := range given {
		if _, ok := values[name]; !ok {
			if unknown == "" || name < unknown {
				unknown = name
			}
			continue
		}
		values[name] = v
	}
	return values, unknown
}

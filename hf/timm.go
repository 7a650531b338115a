package hf

// timm is what a config.json of timm says.
type timm struct{}

func (t *timm) describe(set func(key string, v any), s Saved) {}

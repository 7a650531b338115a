package object

import (
	"encoding/json"
	"math"
	"testing"
)

func TestObject(t *testing.T) {
	o := Of(struct {
		A int    `json:"a"`
		B string `json:"b,omitempty"`
	}{A: 1})
	o.Add("c", []int{2})
	o.Join(map[string]float64{"d": .5})
	o.Join(nil)
	o.Join(struct{}{})
	if b, err := o.Bytes(); err != nil || string(b) != `{"a":1,"c":[2],"d":0.5}` {
		t.Errorf("%s, %v", b, err)
	}
	var empty Object
	if b, err := empty.Bytes(); err != nil || string(b) != `{}` || !json.Valid(b) {
		t.Errorf("%s, %v", b, err)
	}
	o.Add("e", math.NaN())
	if _, err := o.Bytes(); err == nil {
		t.Error("a value that JSON can't hold is no error")
	}
}

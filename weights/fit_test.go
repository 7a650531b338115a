package weights

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// wanted is a network of three tensors and a count.
var wanted, mayHave = []Spec{{"conv.weight", []int{2, 1, 3, 3}}, {"fc.weight", []int{3, 2}}, {"fc.bias", []int{3}}}, []Spec{{"bn.num_batches_tracked", nil}}

// network returns its tensors, with a mark in the first number, under a prefix.
func networkOf(prefix string, mark float32) (list []Tensor) {
	for _, s := range wanted {
		t := Tensor{Name: prefix + s.Name, DType: F32, Shape: s.Shape}
		t.Data = make([]float32, t.Len())
		t.Data[0] = mark
		list = append(list, t)
	}
	return append(list, Tensor{Name: prefix + "bn.num_batches_tracked", DType: I64, Ints: []int64{1}})
}

func renamed(list []Tensor, from, to string) []Tensor {
	for i := range list {
		list[i].Name = strings.Replace(list[i].Name, from, to, 1)
	}
	return list
}

func float(name string, shape ...int) Tensor {
	t := Tensor{Name: name, DType: F32, Shape: shape}
	t.Data = make([]float32, t.Len())
	return t
}

// What makes all names fit is done and said, in any order of wrappers.
func TestFit(t *testing.T) {
	cases := map[string]struct {
		have  []Tensor
		notes string
	}{
		"plain":    {networkOf("", 1), ""},
		"mid":      {renamed(networkOf("", 1), "fc.", "fc._orig_mod."), "wrappers inside of the names"},
		"mid, all": {renamed(networkOf("_fsdp_wrapped_module.", 1), "fc.", "fc._checkpoint_wrapped_module.module."), "wrappers inside of the names"},
		"averaged": {append(networkOf("module.", 1), Tensor{Name: "n_averaged", DType: I64, Ints: []int64{1}}), "prefix module. was taken away from the names; left out, being no parameters of the model: n_averaged"},
		"profiled": {append(networkOf("", 1), float("fc.total_ops", 1), float("total_params", 1)), "left out, being no parameters of the model: fc.total_ops, total_params"},
		"loss":     {append(networkOf("model.", 1), float("criterion.weight", 3)), "prefix model. was taken away from the names; left out, being no parameters of the model: criterion.weight"},
		"mixed":    {renamed(networkOf("backbone.", 1), "backbone.fc", "head.fc"), "the prefixes backbone., head. were taken away"},
		"ema":      {append(networkOf("", 1), networkOf("ema.", 2)...), "left out, being no parameters of the model: ema.conv.weight"},
		"shape":    {append(networkOf("a.", 1), renamedShape(networkOf("b.", 2))...), "prefix a. was taken away"},
		"1x1":      {convolvedHead(networkOf("", 1)), "1x1 convolution's weight is a linear layer's, or the reverse: fc.weight"},
	}
	for _, prefix := range []string{"module.", "_orig_mod.", "module.module.", "model.", "net.", "network.", "backbone.", "encoder.", "_orig_mod.module.", "module._orig_mod.", "model._orig_mod.module.", "mine.own.thing."} {
		cases[prefix] = struct {
			have  []Tensor
			notes string
		}{networkOf(prefix, 1), "the prefix " + prefix + " was taken away from the names"}
	}
	for name, c := range cases {
		f := &File{Tensors: c.have}
		r, err := f.Fit(wanted, mayHave)
		if err != nil || !r.Complete {
			t.Errorf("%s: %+v, %v", name, r, err)
			continue
		}
		if notes := strings.Join(r.Notes, "; "); !strings.Contains(notes, c.notes) || c.notes == "" && notes != "" {
			t.Errorf("%s: notes %q, want %q", name, notes, c.notes)
		}
		plan, err := Match(wanted, r.Tensors, MatchOptions{Unexpected: []string{"*.num_batches_tracked"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if mark := r.Tensors[plan.From[0]].Data[0]; mark != 1 {
			t.Errorf("%s: took the network marked %g", name, mark)
		}
	}
}

func renamedShape(list []Tensor) []Tensor {
	list[1] = float(list[1].Name, 7, 2)
	return list
}

func convolvedHead(list []Tensor) []Tensor {
	list[1].Shape = []int{3, 2, 1, 1}
	return list
}

// A model's names may have a prefix that the file's lack, or another.
func TestFitReverse(t *testing.T) {
	var want []Spec
	for _, s := range wanted {
		want = append(want, Spec{"net.body." + s.Name, s.Shape})
	}
	for prefix, notes := range map[string]string{"": "the prefix net.body. was put before the names", "body.": "the prefix net. was put before", "module.": "the prefix module. was taken away from the names; the prefix net.body. was put before"} {
		r, err := (&File{Tensors: networkOf(prefix, 1)}).Fit(want, nil)
		if err != nil || !r.Complete || !strings.Contains(strings.Join(r.Notes, "; "), notes) {
			t.Errorf("%q: %+v, %v", prefix, r, err)
			continue
		}
		if _, err := Match(want, r.Tensors); err != nil {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// What is not sure is an error: two networks that fit, a deeper network, another shape.
func TestFitErrors(t *testing.T) {
	f := &File{Tensors: append(networkOf("model.", 1), networkOf("model_ema.module.", 2)...), wrapper: ""}
	if _, err := f.Fit(wanted, nil); err == nil || !strings.Contains(err.Error(), "2 networks of the file fit the model: choose one by weights-key, of model, model_ema.module") {
		t.Errorf("two networks: %v", err)
	}
	for name, have := range map[string][]Tensor{
		"deeper, behind a prefix": append(networkOf("backbone.", 1), float("backbone.layer4.weight", 2)),
		"deeper":                  append(networkOf("", 1), float("layer4.weight", 2)),
		"missing":                 networkOf("model.", 1)[:2],
		"other shape":             renamedShape(networkOf("model.", 1)),
		"mixed and more":          append(renamed(networkOf("backbone.", 1), "backbone.fc", "head.fc"), float("neck.weight", 2)),
		"1x1, swapped":            func() []Tensor { l := networkOf("", 1); l[1].Shape = []int{2, 3, 1, 1}; return l }(),
	} {
		r, err := (&File{Tensors: have}).Fit(wanted, mayHave)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := Match(wanted, r.Tensors, MatchOptions{Unexpected: []string{"*.num_batches_tracked"}}); err == nil {
			t.Errorf("%s: fits: %q, %q", name, names(r.Tensors), r.Notes)
		} else if name == "missing" && !strings.Contains(err.Error(), "missing     fc.bias (3)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := (&File{}).Fit(nil, nil); err != nil || len(r.Tensors) != 0 {
		t.Errorf("nothing: %+v, %v", r, err)
	}
}

// Of several networks the first of the usual keys is taken, unless another alone fits; a key
// chooses.
func TestFitNetworks(t *testing.T) {
	file := func(key string, networks ...string) (*File, error) {
		f := &File{}
		for i, n := range networks {
			f.networks = append(f.networks, strings.Split(strings.TrimRight(n, "!"), "."))
			list := networkOf(strings.TrimRight(n, "!")+".", float32(i))
			if strings.HasSuffix(n, "!") {
				list = list[:1]
			}
			f.Tensors = append(f.Tensors, list...)
		}
		slices.SortStableFunc(f.networks, func(a, b network) int { return slices.Compare(a.rank(), b.rank()) })
		return f, f.choose(key)
	}
	for _, tt := range []struct {
		key, networks string
		mark          float32
		note          string
	}{
		{"", "state_dict_ema state_dict", 1, "took the network state_dict; the file also has state_dict_ema: weights-key chooses"},
		{"state_dict_ema", "state_dict_ema state_dict", 0, "took the network state_dict_ema; the file also has state_dict"},
		{"", "model model_ema", 0, "took the network model; the file also has model_ema"},
		{"", "model! model_ema", 1, "took the network model_ema; the file also has model"},
		{"", "generator discriminator!", 0, "took the network generator; the file also has discriminator"},
		{"", "weird", 0, ""},
		{"a.b", "a.b a.c", 0, "took the network a.b"},
	} {
		f, err := file(tt.key, strings.Fields(tt.networks)...)
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		r, err := f.Fit(wanted, mayHave)
		if err != nil || !r.Complete || r.Tensors[0].Data[0] != tt.mark || !strings.Contains(strings.Join(r.Notes, "; "), tt.note) || tt.note == "" && len(r.Notes) > 0 {
			t.Errorf("%+v: %+v, %v", tt, r, err)
		}
	}
	if f, err := file("", "student", "teacher"); err != nil {
		t.Error(err)
	} else if _, err := f.Fit(wanted, nil); err == nil || !strings.Contains(err.Error(), "of student, teacher") {
		t.Errorf("two equals: %v", err)
	}
	if _, err := file("nope", "student", "teacher"); err == nil || !strings.Contains(err.Error(), "nothing lies under the key nope; there are student, teacher") {
		t.Errorf("no such key: %v", err)
	}
	if f, err := file("model", "model!", "model_ema"); err != nil {
		t.Error(err)
	} else if r, err := f.Fit(wanted, nil); err != nil || r.Complete {
		t.Errorf("another network than the chosen one: %+v, %v", r, err)
	}
}

// Many names are fitted soon.
func TestFitMany(t *testing.T) {
	var want []Spec
	var have []Tensor
	for i := range 20000 {
		name := fmt.Sprintf("a.a.a.a.a.a.%d.weight", i)
		want = append(want, Spec{name, []int{1}})
		have = append(have, float("x."+strings.Repeat("a.", 300)+name, 1))
	}
	if r, err := (&File{Tensors: have}).Fit(want, nil); err != nil || r.Complete {
		t.Errorf("%v, %v", r.Complete, err)
	}
}

// Whatever the names are, what is said to fit is there, each name once.
func FuzzFit(f *testing.F) {
	f.Add("a.w\nb.w", "w")
	f.Add("module.a.w\nmodule._orig_mod.b\nn_averaged", "a.w\nb")
	f.Add("x.a.b\ny.b\n.b", "a.b\nb")
	f.Add("\n.b\n.\n.", "\nb")
	f.Add("w\nx.w\nx.b", "w\nb")
	f.Add("b\n..b\n.b", ".b")
	f.Fuzz(func(t *testing.T, have, want string) {
		if len(have)+len(want) > 1<<12 {
			return
		}
		file := &File{}
		seen := map[string]bool{}
		for _, n := range strings.Split(have, "\n") {
			if !seen[n] {
				file.Tensors = append(file.Tensors, float(n, 1))
			}
			seen[n] = true
		}
		var specs []Spec
		for _, n := range slices.Compact(slices.Sorted(slices.Values(strings.Split(want, "\n")))) {
			specs = append(specs, Spec{n, []int{1}})
		}
		r, err := file.Fit(specs, nil)
		if err != nil || !r.Complete {
			return
		}
		if _, err := Match(specs, r.Tensors, MatchOptions{Unexpected: []string{"*"}}); err != nil {
			t.Errorf("%q for %q: %v", have, want, err)
		}
	})
}

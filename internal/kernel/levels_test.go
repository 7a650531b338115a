package kernel

import (
	"reflect"
	"slices"
	"testing"
	"unsafe"
)

// The assembly levels lack nothing, and have a micro-kernel for each size that their numbers
// promise.
func TestLevelsAreWhole(t *testing.T) {
	for l, o := range levels {
		if o.level != Level(l) || o.name == "" {
			t.Errorf("level %d is %v, %q", l, o.level, o.name)
		}
		if Level(l) == Portable {
			continue
		}
		eachField(o, func(name string, f reflect.Value) {
			missing := f.IsZero()
			if f.Kind() == reflect.Array {
				for i := range f.Len() {
					missing = missing || f.Index(i).IsZero()
				}
			}
			if missing && name != "convNarrow" && name != "convWordsNarrow" {
				t.Errorf("%v has no %s", Level(l), name)
			}
		})
		for v, rows := range o.micros {
			if len(rows) != o.mr+1 {
				t.Errorf("%v: micro-kernels of %d+1 vectors for %d rows, want %d", Level(l), v, len(rows)-1, o.mr)
			}
		}
		if len(o.microDots) != o.dotCols+1 || len(o.convWide) != o.mr+1 || len(o.convWordsWide) != o.mr+1 || o.nr != 2*o.lanes {
			t.Errorf("%v: kernels for %d columns and %d rows, tables say %+v", Level(l), len(o.microDots)-1, len(o.convWide)-1, o.target)
		}
	}
}

// eachField calls f with the fields that are operations.
func eachField(o *operations, f func(name string, field reflect.Value)) {
	for _, x := range []any{o, &o.target} {
		s := reflect.ValueOf(x).Elem()
		for i := range s.NumField() {
			switch name := s.Type().Field(i).Name; s.Field(i).Kind() {
			case reflect.Func, reflect.Array, reflect.Slice, reflect.Pointer:
				if name != "usable" {
					// not read only, as the field itself is
					f(name, reflect.NewAt(s.Field(i).Type(), unsafe.Pointer(s.Field(i).UnsafeAddr())).Elem())
				}
			}
		}
	}
}

// together are the operations that a level has all of, or none.
var together = map[string]string{
	"moments": "pairs", "products": "pairs", "maskedProducts": "pairs",
	"normalize": "passes", "normalizeRes": "passes", "normalizeGrad": "passes",
	"packRows": "packing", "packTranspose": "packing",
	"wordMicros": "words", "wordRows": "words", "wordTranspose": "words", "narrow": "words",
	"convWordsWide": "words", "convWordsNarrow": "words",
	"lanesTiles": "lanes", "lanesSums": "lanes", "lanesCopy": "lanes", "lanesSpread": "lanes",
}

// What a level lacks the twins do: the same bits, or for products the same within rounding.
func TestMissingOperations(t *testing.T) {
	best := Best()
	whole := levels[best]
	if best == Portable {
		t.Skip("nothing to lack")
	}
	useLevel(t, best)
	defer func() { levels[best] = whole }()
	groups := map[string]bool{}
	eachField(whole, func(name string, _ reflect.Value) { groups[groupOf(name)] = true })
	delete(groups, "convNarrow") // must be there
	for group := range groups {
		t.Run(group, func(t *testing.T) {
			part := *whole
			eachField(&part, func(name string, f reflect.Value) {
				if groupOf(name) == group {
					f.SetZero()
				}
			})
			levels[best] = &part
			useLevel(t, best)
			for _, c := range vecCases {
				testVec(t, c, 70, true)
			}
			for _, c := range slices.Concat(nnCases(), normCases(6, 100), mapCases()) {
				compareNN(t, c, 70, false)
			}
			for _, p := range variants(30, 33, 70) {
				testProduct(t, p)
			}
			testProduct(t, product{transB: true, m: 20, n: 10, k: 100})
			for _, p := range variants(30, 33, 70) {
				testWords(t, p)
			}
			testRound(t, 70)
			for _, s := range []Conv{
				{N: 2, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 48, Pads: Around(1)},
				{N: 2, H: 4, W: 4, C: 40, KH: 3, KW: 3, O: 50, Pads: Around(1)},
				{N: 2, H: 6, W: 5, C: 40, KH: 3, KW: 3, O: 40, Pads: Around(1), Groups: 40},
				{N: 2, H: 6, W: 5, C: 40, KH: 3, KW: 3, O: 40, Pads: Around(1), Groups: 10},
			} {
				c := newConvCase(s)
				for _, a := range s.possible() {
					bound := 0.
					if a == ConvWinograd {
						bound = 2e-5
					}
					c.check(t, a, true, bound)
				}
			}
			PeakFMA(10)
		})
	}
}

// groupOf names what is there or not there at one time.
func groupOf(name string) string {
	if g := together[name]; g != "" {
		return g
	}
	return name
}

package classifier

import (
	"reflect"
	"testing"
)

// Metadata that are read are written and read again as they are.
func FuzzMetadata(f *testing.F) {
	f.Add("resnet20", "group", "[32,32,3]", `["cat","dog"]`, "imagenet")
	f.Add("mlp", "", "[8,8,1]", "", "none")
	f.Add("", "", "[1e9,-1,null]", "[null]", "mean=1e-45:std=1")
	f.Add("", "", "{}", "7", "mean=.5,.5:std=nan,1")
	f.Fuzz(func(t *testing.T, model, norm, input, classes, normalize string) {
		i, err := parseInfo(map[string]string{keyModel: model, keyNorm: norm, keyInput: input, keyClasses: classes, keyNormalize: normalize})
		if err != nil || i.check() != nil {
			return
		}
		metadata, err := i.metadata()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseInfo(metadata)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again, i) {
			t.Errorf("%+v, read again %+v", i, again)
		}
	})
}

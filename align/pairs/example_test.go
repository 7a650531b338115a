package pairs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/data/picture"
)

func ExampleOpen() {
	// Or "pairs:captions.tsv", "coco:COCO?split=val2017".
	l, err := pairs.Open(context.Background(), "wds:testdata/ustar-*.tar", pairs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if s := l.Report.String(); s != "" {
		log.Print(s)
	}
	// Of a model: picture.ReadPreprocessor("preprocessor_config.json").
	x, err := l.Pairs[0].Read(picture.Preprocessor{Size: 8, Bicubic: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(l.Pairs), l.Pairs[0].Caption, len(x))
	// Output: 3 a first caption 192
}

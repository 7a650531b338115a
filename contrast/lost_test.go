package contrast_test

import (
	"math"
	"testing"

	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/train"
)

// A run is lost where it has learned nothing; a high loss on unseen pairs alone is no sign.
func TestLost(t *testing.T) {
	c := contrast.Default()
	c.Batch = 128
	k, _ := c.Kind()
	for _, tt := range []struct {
		train, test     float64
		collapsed       train.Real
		wantLost, wantC bool
	}{
		{1, 9, 0, false, false}, {4.8, 4.8, 0, false, false}, {4.845, 4.8, 0, true, false}, {5.5, 5.5, 0, true, false},
		{math.NaN(), 5, 0, true, false}, {4.83, 4.85, 1, true, true},
	} {
		m := train.Measures{{Name: "loss", Value: train.Real(tt.test)}, {Name: "collapsed", Value: tt.collapsed}}
		for _, res := range []*train.Result{{TrainLoss: tt.train, Test: m}, {TrainLoss: tt.train, Best: &train.Best{Val: m}}} {
			if gotC, gotLost := k.Lost(&c, res); gotC != tt.wantC || gotLost != tt.wantLost {
				t.Errorf("training loss %g, test loss %g: collapsed %v, lost %v", tt.train, tt.test, gotC, gotLost)
			}
		}
	}
}

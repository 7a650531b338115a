package study

import (
	"fmt"

	"github.com/monge-ml/monge/train"
)

// foldSetting is the setting by which a task validates on a part of its training examples.
const foldSetting = "fold"

// foldsOf are the values of the setting for all of k folds.
func foldsOf(k int) []any {
	list := make([]any, k)
	for i := range list {
		list[i] = fmt.Sprintf("%dof%d", i+1, k)
	}
	return list
}

// fold is that of a run of a study of folds, "" in others.
func (s *Study) fold(c *train.Config) string {
	if s.Folds == 0 {
		return ""
	}
	for _, set := range train.Settings(c) {
		if set.Name == foldSetting {
			return set.String()
		}
	}
	return ""
}

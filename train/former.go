package train

import (
	"maps"
	"math"
	"slices"
)

// Earlier versions knew two tasks, of classes and of pairs of images and captions, and wrote
// no names of measures. This file reads what they wrote.

var formerClasses = []measureName{
	{Name: "accuracy", Better: Higher, Share: true},
	{Name: "loss", Better: Lower},
}

var formerPairs = []measureName{
	{Name: "s_knn", Better: Higher, Label: "S_kNN"},
	{Name: "loss", Better: Lower},
	{Name: "recall", Better: Higher, Label: "recall at 1", Share: true},
	{Name: "image_to_text", Better: Higher, Label: "image to text, recall at 1", Share: true},
	{Name: "image_to_text_5", Better: Higher, Label: "image to text, recall at 5", Share: true},
	{Name: "image_to_text_10", Better: Higher, Label: "image to text, recall at 10", Share: true},
	{Name: "text_to_image", Better: Higher, Label: "text to image, recall at 1", Share: true},
	{Name: "text_to_image_5", Better: Higher, Label: "text to image, recall at 5", Share: true},
	{Name: "text_to_image_10", Better: Higher, Label: "text to image, recall at 10", Share: true},
	{Name: "modality_gap", Label: "modality gap"},
	{Name: "spread"},
	{Name: "temperature"},
	{Name: "collapsed"},
}

// formerAlignment is what was measured of pairs.
type formerAlignment struct {
	SKNN        Real         `json:"s_knn"`
	ImageToText formerRecall `json:"image_to_text"`
	TextToImage formerRecall `json:"text_to_image"`
	ModalityGap Real         `json:"modality_gap"`
	Spread      Real         `json:"spread"`
	Temperature Real         `json:"temperature"`
	Collapsed   bool         `json:"collapsed"`
}

type formerRecall struct {
	At1  Real `json:"at_1"`
	At5  Real `json:"at_5"`
	At10 Real `json:"at_10"`
}

// into puts recalls among the values.
func (r formerRecall) into(values map[string]Real, name string) {
	values[name], values[name+"_5"], values[name+"_10"] = r.At1, r.At5, r.At10
}

// former returns the measures of an object without names: of pairs if it has a place for how far
// their embeddings agree, else of classes, or of a task of the program's own by their names alone.
func (f *measured) former(before string, values map[string]Real) Measures {
	if a, pairs := f.pairs[before]; pairs {
		return a.measures(values["loss"], values["accuracy"])
	}
	names := slices.Sorted(maps.Keys(values))
	if slices.ContainsFunc(names, func(name string) bool { return name != "accuracy" && name != "loss" }) {
		var list []measureName
		for _, name := range names {
			list = append(list, measureName{Name: name})
		}
		return measuresOf(list, values)
	}
	m := measuresOf(formerClasses, values)
	if math.IsNaN(float64(m.Get("accuracy"))) && math.IsNaN(float64(m.Get("loss"))) {
		return nil // written for a split that there was not
	}
	return m
}

// measures are those of pairs; a nil a has lost most of them.
func (a *formerAlignment) measures(loss, recall Real) Measures {
	values := map[string]Real{"loss": loss, "recall": recall}
	if a != nil {
		values["s_knn"], values["modality_gap"], values["spread"], values["temperature"] = a.SKNN, a.ModalityGap, a.Spread, a.Temperature
		a.ImageToText.into(values, "image_to_text")
		a.TextToImage.into(values, "text_to_image")
		values["collapsed"] = 0
		if a.Collapsed {
			values["collapsed"] = 1
		}
	} else if math.IsNaN(float64(loss)) {
		return nil // written for a split that there was not
	}
	return measuresOf(formerPairs, values)
}

// setChance adds what guessing among so many classes has.
func (m Measures) setChance(classes int) {
	for i := range m {
		switch m[i].Name {
		case "accuracy":
			m[i].Chance = 1 / float64(classes)
		case "loss":
			m[i].Chance = math.Log(float64(classes))
		}
	}
}

// formerly is a task that can tell its data as earlier versions did, for their checkpoints.
type formerly interface{ FormerFingerprints() ([]string, error) }

// formerFingerprints are what earlier versions told the data by, nil if it was the same.
func (r *Run) formerFingerprints() []string {
	t, ok := r.Task.(formerly)
	if !ok {
		return nil
	}
	f, err := t.FormerFingerprints()
	if err != nil {
		return nil
	}
	return f
}

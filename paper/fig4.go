package paper

import (
	"context"
	"fmt"
	"image/color"
	"math"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/toy"
)

// stability is one map of figure 4: the smaller eigenvalue over the plane.
type stability struct {
	Method  string  `json:"method"`
	Rho     float64 `json:"rho"`
	Exact   bool    `json:"exact"`            // of the exact Jacobian, not of A_rho
	Saddle  float64 `json:"saddle_area"`      // stable area around the saddle, t1 t2 < 1/3
	Valley  float64 `json:"valley_area"`      // stable area in the valleys, t1 t2 > 1/3
	Reach   float64 `json:"saddle_reach"`     // largest |t1|, |t2| of the stable area at the saddle
	Complex float64 `json:"complex_share"`    // share of the points with complex eigenvalues
	Larger  float64 `json:"not_larger_share"` // share where the larger eigenvalue is not positive
	values  []float64
}

const (
	cells4 = 400
	shown4 = 200 // cells of a map in the picture
	half4  = 2.  // the window is [-2,2]²
)

var rhos4 = []float64{0, .2, .4, .6, .8}

// figure4 maps where the banana's plane attracts the flows of SAM and M-SAM.
func figure4(ctx context.Context) (*Figure, error) {
	var frozen, exact []stability
	for _, name := range []string{"sam", "m-sam"} {
		for _, rho := range rhos4 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			frozen = append(frozen, mapStability(name, rho, false))
			exact = append(exact, mapStability(name, rho, true))
		}
	}
	return &Figure{
		Name: "fig4", Title: "the smaller eigenvalue of A_rho on the banana loss",
		Settings:   map[string]any{"loss": "banana", "rho": rhos4, "range": []float64{-half4, half4}, "cells": cells4},
		Comparison: compareFigure4(frozen, exact),
		Data:       map[string]any{"maps": append(frozen, exact...)},
		sheets:     []sheet{drawFigure4("fig4", frozen), drawFigure4("fig4-exact", exact)},
	}, nil
}

func mapStability(name string, rho float64, exact bool) stability {
	s := stability{Method: name, Rho: rho, Exact: exact, values: make([]float64, cells4*cells4)}
	ball := toy.Ball{Rho: rho}
	if name == "m-sam" {
		ball.Alpha = 1
	}
	matrix := ball.A
	if exact {
		matrix = ball.Jacobian
	}
	a, t := make([]float64, 4), make([]float64, 2)
	for i := range cells4 {
		t[0] = centre(-half4, half4, cells4, i)
		for j := range cells4 {
			t[1] = centre(-half4, half4, cells4, j)
			matrix(a, toy.Banana{}, t)
			e := toy.Eigenvalues(a)
			s.add(t, e)
			s.values[i*cells4+j] = real(e[0])
		}
	}
	cell := square(2 * half4 / cells4)
	s.Saddle *= cell
	s.Valley *= cell
	s.Complex /= cells4 * cells4
	s.Larger /= cells4 * cells4
	return s
}

// add counts a point with its two eigenvalues.
func (s *stability) add(t []float64, e []complex128) {
	if imag(e[0]) != 0 {
		s.Complex++
	}
	if !(real(e[1]) > 0) {
		s.Larger++
	}
	switch {
	case !(real(e[0]) > 0):
	case t[0]*t[1] > 1./3:
		s.Valley++
	default:
		s.Saddle++
		s.Reach = max(s.Reach, math.Abs(t[0]), math.Abs(t[1]))
	}
}

func find4(maps []stability, name string, rho float64) stability {
	for _, s := range maps {
		if s.Method == name && s.Rho == rho {
			return s
		}
	}
	return stability{}
}

func compareFigure4(frozen, exact []stability) []Row {
	var rows []Row
	areas := func(label string, maps []stability, name string, rho, saddle, valley float64) {
		s := find4(maps, name, rho)
		label = fmt.Sprintf("%s%s, rho %g:", label, lookOf(name).label, rho)
		if saddle >= 0 {
			rows = append(rows, compare(label+" stable area at the saddle", Rerun, saddle, s.Saddle, .01))
		}
		if valley >= 0 {
			rows = append(rows, compare(label+" stable area in the valleys", Rerun, valley, s.Valley, .01))
		}
	}
	areas("", frozen, "sam", .2, .122, 1.317)
	areas("", frozen, "m-sam", .2, .107, 1.771)
	areas("", frozen, "sam", .4, .440, .364)
	areas("", frozen, "m-sam", .4, .321, .580)
	areas("", frozen, "sam", .6, -1, 0)
	areas("", frozen, "m-sam", .6, -1, 0)
	areas("", frozen, "sam", .8, 1.389, 0)
	areas("", frozen, "m-sam", .8, .774, 0)
	areas("exact, ", exact, "sam", .6, -1, 0)
	areas("exact, ", exact, "m-sam", .6, -1, .246)
	areas("exact, ", exact, "sam", .8, .502, 0)
	areas("exact, ", exact, "m-sam", .8, .130, .509)
	return rows
}

// full4 is the size of an eigenvalue from which on its colour is full.
const full4 = 8

// signed is figure 4's colour of an eigenvalue: red if positive, blue if negative, white
// where it is not defined.
func signed(v float64) color.NRGBA {
	strength := .2 + .8*math.Asinh(4*math.Abs(v))/math.Asinh(4*full4)
	switch {
	case math.IsNaN(v):
		return white
	case v > 0:
		return chart.Fade(stable, strength)
	}
	return chart.Fade(away, strength)
}

func drawFigure4(name string, maps []stability) sheet {
	columns := len(rhos4)
	rows := make([][]*chart.Panel, len(maps)/columns)
	for i, s := range maps {
		row, column := i/columns, i%columns
		title, across := "", "θ₁"
		if row == 0 {
			title, across = fmt.Sprintf("ρ = %g", s.Rho), ""
		}
		p := chart.NewPanel(title, across, lookOf(s.Method).label+": θ₂", box(-half4, half4, -half4, half4))
		p.Raster(shown4, func(x, y float64) color.NRGBA {
			at := func(v float64) int { return int((v + half4) / (2 * half4) * cells4) }
			return signed(s.values[at(x)*cells4+at(y)])
		})
		p.TicksX(-1, 0, 1)
		p.TicksY(-2, -1, 0, 1, 2)
		p.Line([][]float64{{-.5, -.5}, {.5, -.5}, {.5, .5}, {-.5, .5}, {-.5, -.5}}, chart.Stroke(chart.Black, 1))
		if column > 0 {
			p.Bare()
		}
		rows[row] = append(rows[row], p)
	}
	what := "smaller eigenvalue of A, −8 to 8 (asinh scale)"
	if name != "fig4" {
		what = "smaller real part of the exact Jacobian's eigenvalues, −8 to 8 (asinh scale)"
	}
	return sheet{name, chart.Sheet{
		Alt:    "Maps of the " + what + ": rows of SAM and M-SAM, columns of radii.",
		Panels: rows, Width: 112, Heights: []float64{112, 112},
		Key: []chart.Entry{
			{Label: what, Ramp: func(u float64) color.NRGBA { return signed(math.Sinh((2*u-1)*math.Asinh(4*full4)) / 4) }},
			lineEntry("red: attracts", chart.Fade(stable, .7), 6),
			lineEntry("[−½, ½]²", chart.Black, 1),
		},
	}}
}

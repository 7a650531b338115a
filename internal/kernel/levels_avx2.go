package kernel

import "golang.org/x/sys/cpu"

var avx2 = operations{
	level:  AVX2,
	name:   "avx2",
	usable: func() bool { return haveAssembly && cpu.X86.HasAVX2 && cpu.X86.HasFMA },

	target: target{
		mr: 6, nr: 16, lanes: 8, pitch: 8, dotRows: 3, dotCols: 2,
		micros: &[3][]microKernel{
			{nil, gemm1x1tailAVX2, gemm2x1tailAVX2, gemm3x1tailAVX2, gemm4x1tailAVX2, gemm5x1tailAVX2, gemm6x1tailAVX2},
			{nil, gemm1x2tailAVX2, gemm2x2tailAVX2, gemm3x2tailAVX2, gemm4x2tailAVX2, gemm5x2tailAVX2, gemm6x2tailAVX2},
			{nil, gemm1x2fullAVX2, gemm2x2fullAVX2, gemm3x2fullAVX2, gemm4x2fullAVX2, gemm5x2fullAVX2, gemm6x2fullAVX2},
		},
		microDots:     []dotKernel{nil, gemmDot1AVX2, gemmDot2AVX2},
		convWide:      []func(**float32){nil, conv1x2AVX2, conv2x2AVX2, conv3x2AVX2, conv4x2AVX2, conv5x2AVX2, conv6x2AVX2},
		packRows:      [2]func(*float32, int, *float32, int, int, int){packRows1AVX2, packRows2AVX2},
		packTranspose: packTransposeAVX2,
		wordMicros: &[3][]microKernel{
			{nil, gemmWords1x1tailAVX2, gemmWords2x1tailAVX2, gemmWords3x1tailAVX2, gemmWords4x1tailAVX2, gemmWords5x1tailAVX2, gemmWords6x1tailAVX2},
			{nil, gemmWords1x2tailAVX2, gemmWords2x2tailAVX2, gemmWords3x2tailAVX2, gemmWords4x2tailAVX2, gemmWords5x2tailAVX2, gemmWords6x2tailAVX2},
			{nil, gemmWords1x2fullAVX2, gemmWords2x2fullAVX2, gemmWords3x2fullAVX2, gemmWords4x2fullAVX2, gemmWords5x2fullAVX2, gemmWords6x2fullAVX2},
		},
		wordRows:      [2]func(*float32, int, *float32, int, *float32, int, int, int){wordRows1AVX2, wordRows2AVX2},
		wordTranspose: wordTransposeAVX2,
		narrow:        narrowAVX2,
		convWordsWide: []func(**float32){nil, convWords1x2AVX2, convWords2x2AVX2, convWords3x2AVX2, convWords4x2AVX2, convWords5x2AVX2, convWords6x2AVX2},
		winograd: [numPrecisions][numWinogradKinds]func(*[]float32){
			Float32: {
				winogradInput:     winogradInputAVX2,
				winogradOutput:    winogradOutputAVX2,
				winogradOutputAdd: winogradOutputAddAVX2,
				winogradSpread:    winogradSpreadAVX2,
				winogradKernel:    winogradKernelAVX2,
				winogradGather:    winogradGatherAVX2,
				winogradGatherAdd: winogradGatherAddAVX2,
			},
			BFloat16: {
				winogradInput:     winogradInputCloseAVX2,
				winogradOutput:    winogradOutputCloseAVX2,
				winogradOutputAdd: winogradOutputAddCloseAVX2,
				winogradSpread:    winogradSpreadCloseAVX2,
				winogradKernel:    winogradKernelCloseAVX2,
				winogradGather:    winogradGatherCloseAVX2,
				winogradGatherAdd: winogradGatherAddCloseAVX2,
			},
		},
		lanesTiles:  []func(**float32){nil, lanes1AVX2, lanes2AVX2, lanes3AVX2, lanes4AVX2, lanes5AVX2, lanes6AVX2, lanes7AVX2, lanes8AVX2, lanes9AVX2, lanes10AVX2, lanes11AVX2, lanes12AVX2, lanes13AVX2, lanes14AVX2},
		lanesSums:   []func(**float32){nil, lanesSums1AVX2, lanesSums2AVX2, lanesSums3AVX2, lanesSums4AVX2, lanesSums5AVX2, lanesSums6AVX2, lanesSums7AVX2, lanesSums8AVX2, lanesSums9AVX2},
		lanesCopy:   lanesCopyAVX2,
		lanesSpread: lanesSpreadAVX2,
	},

	dot: func(x, y []float32) float64 {
		var lanes [32]float64
		n := len(x) &^ 31
		dotAVX2(&lanes, &x[0], &y[0], n)
		return dotRest(&lanes, x[n:], y[n:])
	},
	sumSq: func(x []float32) float64 {
		var lanes [32]float64
		n := len(x) &^ 31
		sumSqAVX2(&lanes, &x[0], n)
		return dotRest(&lanes, x[n:], x[n:])
	},
	addScaled:       addScaledAVX2,
	streamScaled:    streamScaledAVX2,
	scale:           scaleAVX2,
	sgd:             sgdAVX2,
	adam:            adamAVX2,
	round:           roundAVX2,
	relu:            reluAVX2,
	addRelu:         addReluAVX2,
	reluBackward:    reluBackwardAVX2,
	reluBackwardAdd: reluBackwardAddAVX2,
	activate: [numActivations]func(dst, x *float32, n int){
		Sigmoid:   sigmoidAVX2,
		Tanh:      tanhAVX2,
		SiLU:      siluAVX2,
		GELU:      geluAVX2,
		GELUTanh:  geluTanhAVX2,
		QuickGELU: quickGELUAVX2,
	},
	activateGrad: [numActivations]func(dx, dy, x *float32, add, n int){
		Sigmoid:   sigmoidGradAVX2,
		Tanh:      tanhGradAVX2,
		SiLU:      siluGradAVX2,
		GELU:      geluGradAVX2,
		GELUTanh:  geluTanhGradAVX2,
		QuickGELU: quickGELUGradAVX2,
	},
	bend: [numBends]func(dst, x *float32, a, b float32, n int){
		HardSwish:   hardSwishAVX2,
		HardSigmoid: hardSigmoidAVX2,
		Clamp:       clampAVX2,
		LeakyReLU:   leakyReluAVX2,
	},
	bendGrad: [numBends]func(dx, dy, x *float32, a, b float32, add, n int){
		HardSwish:   hardSwishGradAVX2,
		HardSigmoid: hardSigmoidGradAVX2,
		Clamp:       clampGradAVX2,
		LeakyReLU:   leakyReluGradAVX2,
	},
	sumCols32:      sumCols32AVX2,
	sumCols8:       sumCols8AVX2,
	moments:        momentsAVX2,
	products:       productsAVX2,
	maskedProducts: maskedProductsAVX2,
	mulRows:        mulRowsAVX2,
	addRows:        addRowsAVX2,
	normalize:      normalizeAVX2,
	normalizeRes:   normalizeResAVX2,
	normalizeGrad:  normalizeGradAVX2,
	rowMoments: func(x []float32) (sum, sumSq float64) {
		var a, b [16]float64
		n := len(x) &^ 15
		rowMomentsAVX2(&a, &b, &x[0], n)
		return rowPairsRest(&a, &b, nil, nil, x, n)
	},
	rowProducts: func(dy, gamma, x []float32) (sum, prod float64) {
		var a, b [16]float64
		n := len(x) &^ 15
		rowProductsAVX2(&a, &b, &dy[0], &gamma[0], &x[0], n)
		return rowPairsRest(&a, &b, dy, gamma, x, n)
	},
	rowNormalize: rowNormalizeAVX2,
	rowGrad:      rowGradAVX2,
	maxOf: func(x []float32) float32 {
		var lanes [16]float32
		n := len(x) &^ 15
		maxOfAVX2(&lanes, &x[0], n)
		return maxGo(maxGo(x[0], lanes[:]), x[n:])
	},
	expShift:    expShiftAVX2,
	softmaxGrad: softmaxGradAVX2,
	drop:        dropAVX2,
	maxPool:     maxPoolAVX2,
	maxPoolGrad: maxPoolGradAVX2,
	maps: [numQuick]func(dst, x *float32, n int){
		Sqrt:       sqrtAVX2,
		Reciprocal: reciprocalAVX2,
		Log:        logAVX2,
		Erf:        erfAVX2,
		Softplus:   softplusAVX2,
		Mish:       mishAVX2,
	},
	mapsGrad: [numQuick]func(dx, dy, x *float32, add, n int){
		Sqrt:       sqrtGradAVX2,
		Reciprocal: reciprocalGradAVX2,
		Log:        logGradAVX2,
		Erf:        erfGradAVX2,
		Softplus:   softplusGradAVX2,
		Mish:       mishGradAVX2,
	},
	affine:    affineAVX2,
	elu:       eluAVX2,
	eluGrad:   eluGradAVX2,
	mul:       mulAVX2,
	div:       divAVX2,
	maximum:   maximumAVX2,
	minimum:   minimumAVX2,
	divSlope:  divSlopeAVX2,
	lessSlope: lessSlopeAVX2,
	peak:      peakAVX2,
}

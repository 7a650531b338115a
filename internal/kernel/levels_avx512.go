package kernel

import "golang.org/x/sys/cpu"

// avx512 is AVX2's but for what it has itself: packing transposed is AVX2's.
var avx512 = func() operations {
	o := avx2
	o.level, o.name = AVX512, "avx512"
	o.usable = func() bool {
		x := &cpu.X86
		return avx2.usable() && x.HasAVX512F && x.HasAVX512VL && x.HasAVX512BW && x.HasAVX512DQ && x.HasBMI2
	}

	o.mr, o.nr, o.lanes, o.pitch = 14, 32, 16, 16
	o.dotRows, o.dotCols = 6, 4
	tail2 := []microKernel{nil, gemm1x2tailAVX512, gemm2x2tailAVX512, gemm3x2tailAVX512, gemm4x2tailAVX512,
		gemm5x2tailAVX512, gemm6x2tailAVX512, gemm7x2tailAVX512, gemm8x2tailAVX512, gemm9x2tailAVX512,
		gemm10x2tailAVX512, gemm11x2tailAVX512, gemm12x2tailAVX512, gemm13x2tailAVX512, gemm14x2tailAVX512}
	o.micros = &[3][]microKernel{{nil, gemm1x1tailAVX512, gemm2x1tailAVX512, gemm3x1tailAVX512, gemm4x1tailAVX512,
		gemm5x1tailAVX512, gemm6x1tailAVX512, gemm7x1tailAVX512, gemm8x1tailAVX512, gemm9x1tailAVX512,
		gemm10x1tailAVX512, gemm11x1tailAVX512, gemm12x1tailAVX512, gemm13x1tailAVX512, gemm14x1tailAVX512}, tail2, tail2}
	o.microDots = []dotKernel{nil, gemmDot1AVX512, gemmDot2AVX512, gemmDot3AVX512, gemmDot4AVX512}
	o.packRows = [2]func(*float32, int, *float32, int, int, int){packRows1AVX512, packRows2AVX512}
	wide := []microKernel{nil, gemmWords1x2tailAVX512, gemmWords2x2tailAVX512, gemmWords3x2tailAVX512, gemmWords4x2tailAVX512, gemmWords5x2tailAVX512, gemmWords6x2tailAVX512, gemmWords7x2tailAVX512, gemmWords8x2tailAVX512, gemmWords9x2tailAVX512, gemmWords10x2tailAVX512, gemmWords11x2tailAVX512, gemmWords12x2tailAVX512, gemmWords13x2tailAVX512, gemmWords14x2tailAVX512}
	o.wordMicros = &[3][]microKernel{{nil, gemmWords1x1tailAVX512, gemmWords2x1tailAVX512, gemmWords3x1tailAVX512, gemmWords4x1tailAVX512, gemmWords5x1tailAVX512, gemmWords6x1tailAVX512, gemmWords7x1tailAVX512, gemmWords8x1tailAVX512, gemmWords9x1tailAVX512, gemmWords10x1tailAVX512, gemmWords11x1tailAVX512, gemmWords12x1tailAVX512, gemmWords13x1tailAVX512, gemmWords14x1tailAVX512}, wide, wide}
	o.wordRows = [2]func(*float32, int, *float32, int, *float32, int, int, int){wordRows1AVX512, wordRows2AVX512}
	o.convNarrow = []func(**float32){nil, conv1x1AVX512, conv2x1AVX512, conv3x1AVX512, conv4x1AVX512, conv5x1AVX512, conv6x1AVX512, conv7x1AVX512, conv8x1AVX512, conv9x1AVX512, conv10x1AVX512, conv11x1AVX512, conv12x1AVX512, conv13x1AVX512, conv14x1AVX512, conv15x1AVX512, conv16x1AVX512}
	o.convWide = []func(**float32){nil, conv1x2AVX512, conv2x2AVX512, conv3x2AVX512, conv4x2AVX512, conv5x2AVX512, conv6x2AVX512, conv7x2AVX512, conv8x2AVX512, conv9x2AVX512, conv10x2AVX512, conv11x2AVX512, conv12x2AVX512, conv13x2AVX512, conv14x2AVX512}
	o.convWordsNarrow = []func(**float32){nil, convWords1x1AVX512, convWords2x1AVX512, convWords3x1AVX512, convWords4x1AVX512, convWords5x1AVX512, convWords6x1AVX512, convWords7x1AVX512, convWords8x1AVX512, convWords9x1AVX512, convWords10x1AVX512, convWords11x1AVX512, convWords12x1AVX512, convWords13x1AVX512, convWords14x1AVX512, convWords15x1AVX512, convWords16x1AVX512}
	o.convWordsWide = []func(**float32){nil, convWords1x2AVX512, convWords2x2AVX512, convWords3x2AVX512, convWords4x2AVX512, convWords5x2AVX512, convWords6x2AVX512, convWords7x2AVX512, convWords8x2AVX512, convWords9x2AVX512, convWords10x2AVX512, convWords11x2AVX512, convWords12x2AVX512, convWords13x2AVX512, convWords14x2AVX512}
	o.narrow = narrowAVX512
	o.winograd = [numPrecisions][numWinogradKinds]func(*[]float32){
		Float32: {
			winogradInput:     winogradInputAVX512,
			winogradOutput:    winogradOutputAVX512,
			winogradOutputAdd: winogradOutputAddAVX512,
			winogradSpread:    winogradSpreadAVX512,
			winogradKernel:    winogradKernelAVX512,
			winogradGather:    winogradGatherAVX512,
			winogradGatherAdd: winogradGatherAddAVX512,
		},
		BFloat16: {
			winogradInput:     winogradInputCloseAVX512,
			winogradOutput:    winogradOutputCloseAVX512,
			winogradOutputAdd: winogradOutputAddCloseAVX512,
			winogradSpread:    winogradSpreadCloseAVX512,
			winogradKernel:    winogradKernelCloseAVX512,
			winogradGather:    winogradGatherCloseAVX512,
			winogradGatherAdd: winogradGatherAddCloseAVX512,
		},
	}
	o.lanesTiles = []func(**float32){nil, lanes1AVX512, lanes2AVX512, lanes3AVX512, lanes4AVX512, lanes5AVX512, lanes6AVX512, lanes7AVX512, lanes8AVX512, lanes9AVX512, lanes10AVX512, lanes11AVX512, lanes12AVX512, lanes13AVX512, lanes14AVX512}
	o.lanesSums = []func(**float32){nil, lanesSums1AVX512, lanesSums2AVX512, lanesSums3AVX512, lanesSums4AVX512, lanesSums5AVX512, lanesSums6AVX512, lanesSums7AVX512, lanesSums8AVX512, lanesSums9AVX512}
	o.lanesCopy, o.lanesSpread = lanesCopyAVX512, lanesSpreadAVX512

	o.dot = func(x, y []float32) float64 {
		var lanes [32]float64
		n := len(x) &^ 31
		dotAVX512(&lanes, &x[0], &y[0], n)
		return dotRest(&lanes, x[n:], y[n:])
	}
	o.sumSq = func(x []float32) float64 {
		var lanes [32]float64
		n := len(x) &^ 31
		sumSqAVX512(&lanes, &x[0], n)
		return dotRest(&lanes, x[n:], x[n:])
	}
	o.addScaled = addScaledAVX512
	o.streamScaled = streamScaledAVX512
	o.scale = scaleAVX512
	o.sgd = sgdAVX512
	o.adam = adamAVX512
	o.round = roundAVX512
	o.relu = reluAVX512
	o.addRelu = addReluAVX512
	o.reluBackward = reluBackwardAVX512
	o.reluBackwardAdd = reluBackwardAddAVX512
	o.activate = [numActivations]func(dst, x *float32, n int){
		Sigmoid:   sigmoidAVX512,
		Tanh:      tanhAVX512,
		SiLU:      siluAVX512,
		GELU:      geluAVX512,
		GELUTanh:  geluTanhAVX512,
		QuickGELU: quickGELUAVX512,
	}
	o.activateGrad = [numActivations]func(dx, dy, x *float32, add, n int){
		Sigmoid:   sigmoidGradAVX512,
		Tanh:      tanhGradAVX512,
		SiLU:      siluGradAVX512,
		GELU:      geluGradAVX512,
		GELUTanh:  geluTanhGradAVX512,
		QuickGELU: quickGELUGradAVX512,
	}
	o.bend = [numBends]func(dst, x *float32, a, b float32, n int){
		HardSwish:   hardSwishAVX512,
		HardSigmoid: hardSigmoidAVX512,
		Clamp:       clampAVX512,
		LeakyReLU:   leakyReluAVX512,
	}
	o.bendGrad = [numBends]func(dx, dy, x *float32, a, b float32, add, n int){
		HardSwish:   hardSwishGradAVX512,
		HardSigmoid: hardSigmoidGradAVX512,
		Clamp:       clampGradAVX512,
		LeakyReLU:   leakyReluGradAVX512,
	}
	o.sumCols32 = sumCols32AVX512
	o.sumCols8 = sumCols8AVX512
	o.moments = momentsAVX512
	o.products = productsAVX512
	o.maskedProducts = maskedProductsAVX512
	o.mulRows, o.addRows = mulRowsAVX512, addRowsAVX512
	o.normalize = normalizeAVX512
	o.normalizeRes = normalizeResAVX512
	o.normalizeGrad = normalizeGradAVX512
	o.rowMoments = func(x []float32) (sum, sumSq float64) {
		var a, b [16]float64
		n := len(x) &^ 15
		rowMomentsAVX512(&a, &b, &x[0], n)
		return rowPairsRest(&a, &b, nil, nil, x, n)
	}
	o.rowProducts = func(dy, gamma, x []float32) (sum, prod float64) {
		var a, b [16]float64
		n := len(x) &^ 15
		rowProductsAVX512(&a, &b, &dy[0], &gamma[0], &x[0], n)
		return rowPairsRest(&a, &b, dy, gamma, x, n)
	}
	o.rowNormalize = rowNormalizeAVX512
	o.rowGrad = rowGradAVX512
	o.maxOf = func(x []float32) float32 {
		var lanes [16]float32
		n := len(x) &^ 15
		maxOfAVX512(&lanes, &x[0], n)
		return maxGo(maxGo(x[0], lanes[:]), x[n:])
	}
	o.expShift = expShiftAVX512
	o.softmaxGrad = softmaxGradAVX512
	o.drop = dropAVX512
	o.maxPool = maxPoolAVX512
	o.maxPoolGrad = maxPoolGradAVX512
	o.peak = peakAVX512
	o.maps = [numQuick]func(dst, x *float32, n int){
		Sqrt:       sqrtAVX512,
		Reciprocal: reciprocalAVX512,
		Log:        logAVX512,
		Erf:        erfAVX512,
		Softplus:   softplusAVX512,
		Mish:       mishAVX512,
	}
	o.mapsGrad = [numQuick]func(dx, dy, x *float32, add, n int){
		Sqrt:       sqrtGradAVX512,
		Reciprocal: reciprocalGradAVX512,
		Log:        logGradAVX512,
		Erf:        erfGradAVX512,
		Softplus:   softplusGradAVX512,
		Mish:       mishGradAVX512,
	}
	o.affine, o.elu, o.eluGrad = affineAVX512, eluAVX512, eluGradAVX512
	o.mul, o.div, o.maximum, o.minimum = mulAVX512, divAVX512, maximumAVX512, minimumAVX512
	o.divSlope, o.lessSlope = divSlopeAVX512, lessSlopeAVX512
	return o
}()

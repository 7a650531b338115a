package kernel

import "golang.org/x/sys/cpu"

// avx512bf16 is AVX-512's but for the products of bfloat16.
var avx512bf16 = func() operations {
	o := avx512
	o.level, o.name = AVX512BF16, "avx512bf16"
	o.usable = func() bool { return avx512.usable() && cpu.X86.HasAVX512BF16 }
	wide := []microKernel{nil, gemmWords1x2tailAVX512BF16, gemmWords2x2tailAVX512BF16, gemmWords3x2tailAVX512BF16, gemmWords4x2tailAVX512BF16, gemmWords5x2tailAVX512BF16, gemmWords6x2tailAVX512BF16, gemmWords7x2tailAVX512BF16, gemmWords8x2tailAVX512BF16, gemmWords9x2tailAVX512BF16, gemmWords10x2tailAVX512BF16, gemmWords11x2tailAVX512BF16, gemmWords12x2tailAVX512BF16, gemmWords13x2tailAVX512BF16, gemmWords14x2tailAVX512BF16}
	o.wordMicros = &[3][]microKernel{{nil, gemmWords1x1tailAVX512BF16, gemmWords2x1tailAVX512BF16, gemmWords3x1tailAVX512BF16, gemmWords4x1tailAVX512BF16, gemmWords5x1tailAVX512BF16, gemmWords6x1tailAVX512BF16, gemmWords7x1tailAVX512BF16, gemmWords8x1tailAVX512BF16, gemmWords9x1tailAVX512BF16, gemmWords10x1tailAVX512BF16, gemmWords11x1tailAVX512BF16, gemmWords12x1tailAVX512BF16, gemmWords13x1tailAVX512BF16, gemmWords14x1tailAVX512BF16}, wide, wide}
	o.wordRows = [2]func(*float32, int, *float32, int, *float32, int, int, int){wordRows1AVX512BF16, wordRows2AVX512BF16}
	o.wordTranspose = wordTransposeAVX512BF16
	o.narrow = narrowAVX512BF16
	o.convWordsNarrow = []func(**float32){nil, convWords1x1AVX512BF16, convWords2x1AVX512BF16, convWords3x1AVX512BF16, convWords4x1AVX512BF16, convWords5x1AVX512BF16, convWords6x1AVX512BF16, convWords7x1AVX512BF16, convWords8x1AVX512BF16, convWords9x1AVX512BF16, convWords10x1AVX512BF16, convWords11x1AVX512BF16, convWords12x1AVX512BF16, convWords13x1AVX512BF16, convWords14x1AVX512BF16, convWords15x1AVX512BF16, convWords16x1AVX512BF16}
	o.convWordsWide = []func(**float32){nil, convWords1x2AVX512BF16, convWords2x2AVX512BF16, convWords3x2AVX512BF16, convWords4x2AVX512BF16, convWords5x2AVX512BF16, convWords6x2AVX512BF16, convWords7x2AVX512BF16, convWords8x2AVX512BF16, convWords9x2AVX512BF16, convWords10x2AVX512BF16, convWords11x2AVX512BF16, convWords12x2AVX512BF16, convWords13x2AVX512BF16, convWords14x2AVX512BF16}
	words := &o.winograd[BFloat16]
	words[winogradInputNarrow] = winogradInputNarrowCloseAVX512BF16
	words[winogradInputJoin] = winogradInputJoinCloseAVX512BF16
	words[winogradSpreadJoin] = winogradSpreadJoinCloseAVX512BF16
	words[winogradKernelJoin] = winogradKernelJoinCloseAVX512BF16
	return o
}()

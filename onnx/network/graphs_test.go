package network

// graphs are small networks, which together use the operators that a tape computes. Tests change
// them in all ways.
var graphs = []string{
	"x:Nx3x8x8; Conv(_, 4x3x3x3, 4){pads=1,1,1,1}; BatchNormalization(_, 4, 4, 4, 4); Relu; MaxPool{kernel_shape=2,2 strides=2,2}; Flatten; Gemm(_, 5x64, 5){transB=1}; Softmax",
	"x:Nx3x8x8; c=Conv(_, 4x3x1x1); b=BatchNormalization(c, 4, 4, 4, 4); Add(b, c); Relu; GlobalAveragePool; Flatten; MatMul(_, 4x5); Add(_, 5)",
	"x:Nx3x6x5; Conv(_, 6x1x3x3, 6){group=3 strides=2,2 pads=1,1,1,1}; Clip(_, @0., @6.); Conv(_, 5x6x1x1, 5); GlobalAveragePool; Reshape(_, [0,-1])",
	"x:Nx3x6x6; Conv(_, 4x3x2x2){dilations=2,2 auto_pad=SAME_UPPER}; LeakyRelu{alpha=.1}; ConvTranspose(_, 4x2x3x3, 2){strides=2,2 output_padding=1,1 pads=1,1,1,1}; ReduceMean{axes=[2,3] keepdims=0}; Gemm(_, 2x5)",
	"x:Nx3x6x6; Conv(_, 4x3x1x1); AveragePool{kernel_shape=3,3 pads=1,1,1,1 count_include_pad=1 ceil_mode=1 strides=2,2}; GlobalMaxPool; Squeeze(_, [2,3]); Gemm(_, 4x5)",
	"x:Nx2x4x6; Unsqueeze(_, [1]); Conv(_, 3x1x1x3x3, 3){pads=0,1,1,0,1,1 strides=1,1,2}; Relu; Conv(_, 4x3x2x1x1); ReduceMean{axes=[2,3,4] keepdims=0}; Gemm(_, 4x5)",
	"x:Nx6; Gemm(_, 6x8, 8); Reshape(_, [0,4,2]); Mul(_, [.6,.8]); Slice(_, [0], [2], [1]); Concat(_, _){axis=2}; Flatten; Gemm(_, 8x5)",
	"x:Nx3x4x4; c=Conv(_, 4x3x1x1); s=Sigmoid(c); Mul(c, s); h=HardSigmoid{alpha=.16666667}; Mul(_, h); d=Dropout(_, @.5); Flatten; Gemm(_, 64x5)",
	"x:Nx4x4x3; Transpose{perm=0,3,1,2}; Sub(_, [.5]); Conv(_, 4x3x3x3); InstanceNormalization(_, 4, 4); Elu; Resize(_, -, [1.,1.,2.,2.]){mode=linear}; Pad(_, [0,0,1,1,0,0,-1,-1]){mode=reflect}; ReduceMax{axes=[2,3] keepdims=0}; Gemm(_, 4x5)",
	"x:Nx4x4x4; DepthToSpace{blocksize=2}; SpaceToDepth{blocksize=2}; Conv(_, 8x4x1x1); a,b=Split{axis=1}; Concat(a, b){axis=1}; Slice(_, [0], [2], [2]); GroupNormalization(_, 8, 8){num_groups=2}; LRN{size=3}; GlobalAveragePool; Flatten; Gemm(_, 8x5)",
	"x:Nx6; h=Gemm(_, 6x8, 8); Gelu; LayerNormalization(_, 8, 8); Add(_, h); e=Erf; Exp; Div(_, e); PRelu(_, 8); LpNormalization; Gemm(_, 8x5)",
	"x:Nx6; Gemm(_, 6x8); Reshape(_, [0,2,4]); t=Transpose{perm=0,2,1}; MatMul(r1, t); MeanVarianceNormalization{axes=[1]}; CumSum(_, @1); Einsum(_, 2x3){equation=nij,jk->nik}; ReduceL2{axes=[1]}; Flatten; Gemm(_, 3x5)",
	"x:Nx6; Mul(_, 6); Unsqueeze(_, [1]); Expand(_, [1,3,1]); Tile(_, [1,2,1]); Gather(_, [0,2,-1]){axis=1}; Trilu; RMSNormalization(_, 6); ReduceSum(_, [1]){keepdims=0}; Where(p:[1], _, 6); Pow(_, @2.); Gemm(_, 6x5)",
	"x:Nx6; w=ScatterND(2x3, [1], 1x3); f=Flatten(w){axis=0}; Add(x, f); Softplus; Swish; Min(_, 6); Max(_, 6); Sqrt; Log; Reciprocal; Sum(_, 6); Mean(_, 6); Mish; Gemm(_, 6x5); LogSoftmax",
	"ids:int64:Nx4; mask:int64:Nx4; e=Gather(table:9x6, ids); p=Add(e, 4x6); LayerNormalization(_, 6, 6); q=MatMul(_, 6x6); k=Transpose(p){perm=0,2,1}; s=MatMul(q, k); m=Cast(mask){to=1}; Sub(@1., m); Mul(_, @-10000.); u=Unsqueeze(_, [1]); Add(s, u); a=Softmax; MatMul(a, p); Gather(_, @0){axis=1}; Tanh; Gemm(_, 6x5)",
	"ids:int64:Nx4; Gather(table:9x6, ids); s=Shape(ids); n=Gather(s, @1); r=Range(@0, n, @1); p=Gather(9x6, r); Add(r0, p); ReduceMean{axes=[1] keepdims=0}; MatMul(_, 6x5); Add(_, 5)",
	"x:Nx3x4x4; c=Conv(_, 4x3x1x1, 4); Relu; s=Shape(c); a=Slice(s, [0], [1]); Concat(a, [-1]){axis=0}; Reshape(c, _); Gemm(_, 64x5)",
	"x:1x3x4x4; Conv(_, 4x3x1x1); Reshape(_, [1,64]); Gemm(_, 64x5); Reshape(_, [1,5])",
	"x:Nx3x4x4; Conv(_, 4x3x3x3, 4){pads=1,1,1,1}; n=Div(_, @6.); Add(n, @3.); Clip(_, @0., @6.); Mul(n, _); Div(_, @6.); GlobalAveragePool; Flatten; Gemm(_, 4x5, 5); Relu",
	"x:Nx6; Gemm(_, 6x8); m=ReduceMean{axes=[-1]}; d=Sub(r0, m); v=Pow(d, @2.); ReduceMean{axes=[-1]}; Add(_, @.00001); q=Sqrt; Div(d, q); Mul(_, 8); Add(_, 8); Div(_, @1.4142135); Erf; Add(_, @1.); Mul(r0, _); Mul(_, @.5); Gemm(_, 8x5)",
}

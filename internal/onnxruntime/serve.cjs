// Runs ONNX Runtime: node serve.cjs NODE_MODULES MODEL.onnx DIMS IN OUT [DIMS IN OUT]...
const fs = require('node:fs');
const [modules, model, ...rest] = process.argv.slice(2);
const ort = require(require.resolve('onnxruntime-node', { paths: [modules] }));

async function main() {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 2, logSeverityLevel: 2 });
  const of = session.inputMetadata[0];
  const said = { inputs: session.inputNames, outputs: session.outputNames, type: of.type, input: of.shape, output: session.outputMetadata[0].shape, results: [] };
  for (let i = 0; i < rest.length; i += 3) {
    const dims = rest[i].split(',').map(Number);
    const bytes = fs.readFileSync(rest[i + 1]);
    const all = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const data = of.type === 'int64' ? new BigInt64Array(all) : new Float32Array(all);
    const y = (await session.run({ [session.inputNames[0]]: new ort.Tensor(of.type, data, dims) }))[session.outputNames[0]];
    fs.writeFileSync(rest[i + 2], Buffer.from(y.data.buffer, y.data.byteOffset, y.data.byteLength));
    said.results.push({ dims: y.dims });
  }
  console.log(JSON.stringify(said));
}

main().catch((e) => { console.error(String(e)); process.exit(1); });

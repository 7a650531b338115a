// Runs ONNX Runtime once: node once.cjs NODE_MODULES MODEL.onnx DIR [NAME TYPE DIMS]..., with NAME.in in DIR
// for each input; NAME.out there is made for each output.
const fs = require('node:fs');
const path = require('node:path');
const [modules, model, dir, ...rest] = process.argv.slice(2);
const ort = require(require.resolve('onnxruntime-node', { paths: [modules] }));

async function main() {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 2, logSeverityLevel: 2 });
  const feeds = {};
  for (let i = 0; i < rest.length; i += 3) {
    const [name, type, dims] = rest.slice(i, i + 3);
    const bytes = fs.readFileSync(path.join(dir, name + '.in'));
    const all = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    feeds[name] = new ort.Tensor(type, type === 'int64' ? new BigInt64Array(all) : new Float32Array(all), dims.split(',').map(Number));
  }
  const dims = {};
  for (const [name, y] of Object.entries(await session.run(feeds))) {
    fs.writeFileSync(path.join(dir, name + '.out'), Buffer.from(y.data.buffer, y.data.byteOffset, y.data.byteLength));
    dims[name] = y.dims;
  }
  console.log(JSON.stringify(dims));
}

main().catch((e) => { console.error(String(e)); process.exit(1); });

/**
 * Run in a fresh process by check-native.mjs with the package's folder: prints one line of JSON about the native part.
 * CommonJS, because a native addon that cannot be loaded must fail here and not in the caller.
 */
const util = require('node:util');

// Node 22 warns about these and Node 23 removed them; tfjs-node 4.22 still calls them.
util.isNullOrUndefined = (value) => value === null || value === undefined;
util.isArray = Array.isArray;

/**
 * What the fused kernels run on, or why they are not used, after a product by them that must equal TensorFlow's.
 */
async function probeKernels(tf, packageFolder) {
  const { existsSync } = require('node:fs');
  const place = `${packageFolder}/deps/tfjs-peft-kernels.cjs`;
  if (!existsSync(place)) return { why: 'not installed' };
  try {
    const { instructions } = require(place);
    const backend = tf.backend();
    const [x, kernel] = [tf.randomUniform([30, 50], -1, 1), tf.randomUniform([50, 70], -1, 1)];
    const transposed = { name: 'transposed', type: backend.binding.TF_ATTR_BOOL, value: false };
    const [fused] = backend.executeMultipleOutputs(
      'TfjsPeftAffine',
      [transposed],
      [x, kernel, tf.ones([70]), tf.tensor1d([])],
      1,
    );
    const error = (await tf.matMul(x, kernel).add(1).sub(fused).abs().max().data())[0];
    return error < 1e-4 ? { instructions } : { why: `a product is wrong by ${error}` };
  } catch (error) {
    return { why: error.message };
  }
}

async function probe(packageFolder) {
  const require_ = require('node:module').createRequire(`${packageFolder}/package.json`);
  require_('@tensorflow/tfjs').env().set('PROD', true);
  const tf = require_(packageFolder);
  const size = 1024;
  const a = tf.randomUniform([size, size], -1, 1, 'float32', 1);
  const b = tf.randomUniform([size, size], -1, 1, 'float32', 2);
  const [left, right, product] = await Promise.all([a.data(), b.data(), tf.matMul(a, b).data()]);
  let largestError = 0;
  for (const [row, column] of [
    [0, 0],
    [17, 1023],
    [1023, 511],
  ]) {
    let expected = 0;
    for (let k = 0; k < size; k++) expected += left[row * size + k] * right[k * size + column];
    largestError = Math.max(largestError, Math.abs(expected - product[row * size + column]));
  }
  let best = Infinity;
  for (let round = 0; round < 8; round++) {
    const start = performance.now();
    const result = tf.matMul(a, b);
    await result.data();
    best = Math.min(best, performance.now() - start);
  }
  const { binding } = tf.backend();
  const isUsingGpuDevice = Boolean(tf.backend().isUsingGpuDevice);
  return {
    backend: tf.getBackend(),
    tensorflow: binding.TF_Version,
    largestError,
    gflops: (2 * size ** 3) / best / 1e6,
    isUsingGpuDevice,
    kernels: isUsingGpuDevice ? { why: 'they compute on the CPU' } : await probeKernels(tf, packageFolder),
  };
}

probe(process.argv[2]).then(
  (report) => console.log(JSON.stringify(report)),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);

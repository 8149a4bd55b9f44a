const { TestEnvironment } = require('jest-environment-node');

// Read by TensorFlow's C library in the real process; Jest's own `process.env` is a copy that it never sees.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';

/**
 * Jest's Node environment with the outer realm's typed arrays. Suites run in a realm of their own, native addons and WebAssembly answer
 * with arrays of the outer one, and TensorFlow.js asks `instanceof Float32Array` in many places.
 */
module.exports = class TensorEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    Object.assign(this.global, {
      Float32Array,
      Float64Array,
      Int8Array,
      Int16Array,
      Int32Array,
      Uint8Array,
      Uint8ClampedArray,
      Uint16Array,
      Uint32Array,
      BigInt64Array,
      BigUint64Array,
      ArrayBuffer,
      SharedArrayBuffer,
      DataView,
      WebAssembly: globalThis.WebAssembly,
    });
  }
};

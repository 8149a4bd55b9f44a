module.exports = { displayName: 'wasm-kernels', preset: '../../jest.preset.cjs' };

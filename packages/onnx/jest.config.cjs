module.exports = { displayName: 'onnx', preset: '../../jest.preset.cjs' };

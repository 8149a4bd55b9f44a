module.exports = { displayName: 'minilm-mlm', preset: '../../jest.preset.cjs' };

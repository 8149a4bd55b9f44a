module.exports = { displayName: 'minilm', preset: '../../jest.preset.cjs' };

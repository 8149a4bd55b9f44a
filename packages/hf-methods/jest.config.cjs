module.exports = { displayName: 'hf-methods', preset: '../../jest.preset.cjs' };

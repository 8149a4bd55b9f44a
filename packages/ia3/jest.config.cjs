module.exports = { displayName: 'ia3', preset: '../../jest.preset.cjs' };

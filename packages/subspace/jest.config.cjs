module.exports = { displayName: 'subspace', preset: '../../jest.preset.cjs' };

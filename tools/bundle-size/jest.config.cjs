module.exports = { displayName: 'bundle-size', preset: '../../jest.preset.cjs' };

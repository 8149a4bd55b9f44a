module.exports = { displayName: 'prefix', preset: '../../jest.preset.cjs' };

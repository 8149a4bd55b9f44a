module.exports = { displayName: 'adapter', preset: '../../jest.preset.cjs' };

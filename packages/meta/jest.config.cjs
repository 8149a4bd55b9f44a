module.exports = { displayName: 'meta', preset: '../../jest.preset.cjs' };

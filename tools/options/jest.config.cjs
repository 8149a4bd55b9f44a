module.exports = { displayName: 'options', preset: '../../jest.preset.cjs' };

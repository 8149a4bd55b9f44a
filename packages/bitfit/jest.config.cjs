module.exports = { displayName: 'bitfit', preset: '../../jest.preset.cjs' };

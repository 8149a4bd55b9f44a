module.exports = { displayName: 'tarp', preset: '../../jest.preset.cjs' };

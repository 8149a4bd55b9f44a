module.exports = { displayName: 'tams', preset: '../../jest.preset.cjs' };

module.exports = { displayName: 'full', preset: '../../jest.preset.cjs' };

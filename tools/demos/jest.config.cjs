module.exports = { displayName: 'demos', preset: '../../jest.preset.cjs' };

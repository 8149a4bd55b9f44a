module.exports = { displayName: 'statistics', preset: '../../jest.preset.cjs' };

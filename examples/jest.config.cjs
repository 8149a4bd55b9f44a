module.exports = { displayName: 'examples', preset: '../jest.preset.cjs' };

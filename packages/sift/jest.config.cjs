module.exports = { displayName: 'sift', preset: '../../jest.preset.cjs' };

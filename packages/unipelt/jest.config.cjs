module.exports = { displayName: 'unipelt', preset: '../../jest.preset.cjs' };

module.exports = { displayName: 'ntk', preset: '../../jest.preset.cjs' };

module.exports = { displayName: 'setup-native', preset: '../../jest.preset.cjs' };

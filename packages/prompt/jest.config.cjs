module.exports = { displayName: 'prompt', preset: '../../jest.preset.cjs' };

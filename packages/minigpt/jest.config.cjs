module.exports = { displayName: 'minigpt', preset: '../../jest.preset.cjs' };

module.exports = { displayName: 'peft-core', preset: '../../jest.preset.cjs' };

module.exports = { displayName: 'peft-method', preset: '../../jest.preset.cjs' };

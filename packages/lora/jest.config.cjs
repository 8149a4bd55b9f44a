module.exports = { displayName: 'lora', preset: '../../jest.preset.cjs' };

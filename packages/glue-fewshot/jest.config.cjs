module.exports = { displayName: 'glue-fewshot', preset: '../../jest.preset.cjs' };

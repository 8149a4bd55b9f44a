module.exports = { displayName: 'ablation', preset: '../../jest.preset.cjs' };

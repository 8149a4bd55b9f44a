module.exports = { displayName: 'pretrain', preset: '../../jest.preset.cjs' };

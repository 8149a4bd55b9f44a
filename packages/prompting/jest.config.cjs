module.exports = { displayName: 'prompting', preset: '../../jest.preset.cjs' };

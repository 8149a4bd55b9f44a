module.exports = { displayName: 'minilm-intents', preset: '../../jest.preset.cjs' };

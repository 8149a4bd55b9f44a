export { type MinilmIntentsFiles, minilmIntentsFiles } from './minilm-intents-files.js';

export { type MinilmMlmFiles, minilmMlmFiles } from './minilm-mlm-files.js';

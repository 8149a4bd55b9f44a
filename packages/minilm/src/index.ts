export { type MinilmFiles, minilmFiles } from './minilm-files.js';

export { type MinigptFiles, minigptFiles } from './minigpt-files.js';

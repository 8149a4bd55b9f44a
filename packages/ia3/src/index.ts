export type { Ia3Config } from './config.js';
export { ia3, ia3Definition } from './ia3.js';

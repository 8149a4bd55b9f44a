import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** SHA-256 as 64 lower-case hexadecimal digits; a string is hashed as UTF-8. Synchronous, the same in Node and browsers. */
export const sha256Hex = (data: Uint8Array | string): string =>
  bytesToHex(sha256(typeof data === 'string' ? new TextEncoder().encode(data) : data));

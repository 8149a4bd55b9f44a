import { sha256Hex } from '../sha256-hex.js';
import { canonicalJson } from './canonical-json.js';

/** SHA-256 of the canonical JSON of an object without its own entry `checksum`: it tells whether what is read is what was written. */
export function jsonChecksum(stored: object): string {
  const { checksum: _checksum, ...rest } = stored as { readonly checksum?: unknown };
  return sha256Hex(canonicalJson(rest));
}

import { isPeftError, type PeftError } from '../src/errors.js';

/** A file with any header, honest or not. For tests. */
export function fileWithHeader(header: unknown, data: number | Uint8Array = 0): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = header instanceof Uint8Array ? header : new TextEncoder().encode(text);
  const payload = typeof data === 'number' ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + json.length + payload.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(payload, 8 + json.length);
  return bytes;
}

/** The PeftError that `run` must fail with. For tests. */
export async function peftErrorOf(run: () => unknown): Promise<PeftError> {
  try {
    await run();
  } catch (error) {
    if (isPeftError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

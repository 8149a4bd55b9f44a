import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** SHA-256 of the float32 numbers of a tensor; about 60 ms per 100 MB where the platform's own implementation is there. */
export async function digestTensor(data: Float32Array): Promise<string> {
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  // Browsers offer `subtle` in secure contexts only.
  const subtle = globalThis.crypto?.subtle;
  return bytesToHex(subtle ? new Uint8Array(await subtle.digest('SHA-256', bytes)) : sha256(bytes));
}

/** Of a configuration: what does not decide outputs. */
type DropoutRates = Readonly<Record<'hiddenDropout' | 'attentionDropout', number>> & {
  readonly embeddingDropout?: number;
};

/** What the fingerprint knows of one tensor: its shape in the checkpoint and the digest of its numbers. */
export interface TensorDigest {
  readonly shape: readonly number[];
  readonly digest: string;
}

/**
 * SHA-256 over what decides the outputs of a host: its architecture and, in the order of their names, paths, shapes and digests of all tensors.
 * Numbers count as float32, so that F16 weights and the same widened to F32, sharded or not, have one fingerprint. Dropout rates do not count.
 */
export function fingerprintHost(config: DropoutRates, digests: ReadonlyMap<string, TensorDigest>): string {
  const {
    hiddenDropout: _hidden,
    attentionDropout: _attention,
    embeddingDropout: _embedding,
    ...architecture
  } = config;
  const described = {
    architecture: Object.entries(architecture).sort(byName),
    tensors: [...digests].sort(byName).map(([path, { shape, digest }]) => [path, shape, digest]),
  };
  return bytesToHex(sha256(new TextEncoder().encode(JSON.stringify(described))));
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0);

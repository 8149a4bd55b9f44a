import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { sha256Hex } from '@tfjs-peft/peft-core/files';
import type { GramBlocks } from '@tfjs-peft/ntk';
import { readFileIfThere } from '../run-folder/read-text.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';

/** Largest block: a batch of columns beside all rows that a solver takes. */
const mostBytes = 2 ** 30;
const digestBytes = 64;

/** Blocks of one kernel as files of a folder, each whole at any moment: a digest, then the numbers. Errors: `KERNEL_CACHE_INVALID`. */
export const storedBlocks = (folder: string, isMine?: GramBlocks['isMine']): GramBlocks => {
  const pathOf = (name: string) => join(folder, `${sha256Hex(name).slice(0, 32)}.block`);
  return {
    ...(isMine && { isMine }),
    async read(name) {
      const path = pathOf(name);
      const stored = await readFileIfThere(path, { maxBytes: mostBytes });
      if (!stored) return undefined;
      const numbers = Uint8Array.from(stored.subarray(digestBytes));
      if (numbers.length % 8 === 0 && new TextDecoder().decode(stored.subarray(0, digestBytes)) === sha256Hex(numbers))
        return new Float64Array(numbers.buffer);
      throw new PeftError('KERNEL_CACHE_INVALID', {
        found: `${path}: numbers that are not those that were written`,
        expected: 'a block of a kernel',
        fix: 'delete the file; it is computed again',
      });
    },
    async write(name, { buffer, byteOffset, byteLength }) {
      const numbers = new Uint8Array(buffer, byteOffset, byteLength);
      await writeFileAtomically(pathOf(name), Buffer.concat([Buffer.from(sha256Hex(numbers)), numbers]));
    },
  };
};

import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { itHoldsRecordedFiles } from '../../../tools/jest/recorded-files.js';
import { minilmFiles } from './index.js';

const { directory, name, readout } = minilmFiles();

describe('minilmFiles', () => {
  it('names the host and its usual readout', () => {
    expect(name).toBe('sentence-transformers/all-MiniLM-L6-v2');
    expect(readout).toBe('mean');
  });

  itHoldsRecordedFiles(minilmFiles());

  it('has configuration and weights of one shape', () => {
    const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as Record<string, number>;
    const file = readFileSync(join(directory, 'model.safetensors'));
    const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE(0))).toString()) as Record<
      string,
      { shape: number[]; dtype: string }
    >;
    expect(header['embeddings.word_embeddings.weight']).toMatchObject({
      dtype: 'F16',
      shape: [config.vocab_size, config.hidden_size],
    });
    expect(header).not.toHaveProperty(['embeddings.position_ids']);
  });
});

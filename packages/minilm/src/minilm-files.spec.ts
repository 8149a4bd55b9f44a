import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { minilmFiles } from './index.js';

const { directory, url, name, readout } = minilmFiles();
const recorded = readFileSync(join(directory, 'SHA256SUMS'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('  ') as [string, string]);

describe('minilmFiles', () => {
  it('names the host and its usual readout', () => {
    expect(name).toBe('sentence-transformers/all-MiniLM-L6-v2');
    expect(readout).toBe('mean');
  });

  it('points at the same directory as a path and as a URL', () => {
    expect(statSync(directory).isDirectory()).toBe(true);
    expect(readdirSync(url)).toEqual(readdirSync(directory));
    expect(new URL('config.json', url).pathname).toMatch(/model\/config\.json$/);
  });

  it.each(recorded)('%s is %s', (sum, file) => {
    expect(
      createHash('sha256')
        .update(readFileSync(join(directory, file)))
        .digest('hex'),
    ).toBe(sum);
  });

  it('holds no file without a recorded sum', () => {
    const files = readdirSync(directory).filter((file) => file !== 'SHA256SUMS');
    expect(files.sort()).toEqual(recorded.map(([, file]) => file).sort());
  });

  it('states every sum in the README', () => {
    const readme = readFileSync(join(directory, '..', 'README.md'), 'utf8');
    for (const [sum, file] of recorded) expect(readme).toMatch(new RegExp(`${file}.*${sum}`));
  });

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

import { evaluationContext, padBatch } from '@tfjs-peft/peft-core';
import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goldenFolder, hostFrom, maxDifference } from '../../test/test-hosts.js';
import { temporaryFolder, writeFiles } from '../../test/tiny-model.js';
import { describeEncoder } from '../architecture/encoder.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import type { EncoderHost } from '../encoder/create-host.js';
import { tinyHostConfig } from '../encoder/create-random-host.js';
import { expectedTensors } from '../weights/expected-tensors.js';
import { loadHost } from './load-host.js';
import { loadMlmHead } from './load-mlm-head.js';

const folder = new URL('tiny-roberta/', goldenFolder);
const stored = new URL('mlm.safetensors', folder);
const folders: string[] = [];
const newFolder = async () => {
  const path = await temporaryFolder();
  folders.push(path);
  return path;
};
let host: EncoderHost;
beforeAll(async () => {
  host = await hostFrom(folder);
});
afterAll(async () => {
  host.dispose();
  await Promise.all(folders.map((path) => rm(path, { recursive: true })));
});

describe('loadMlmHead', () => {
  it('reads a file, a folder with a head, and the weights of a model', async () => {
    const [withHead, model] = [await newFolder(), await newFolder()];
    await copyFile(stored, join(withHead, 'mlm_head.safetensors'));
    await copyFile(new URL('model.safetensors', folder), join(withHead, 'model.safetensors'));
    await copyFile(stored, join(model, 'model.safetensors'));
    const hidden = tf.randomNormal<tf.Rank.R3>([1, 3, 32], 0, 1, 'float32', 1);
    const logits: tf.Tensor[] = [];
    for (const source of [stored, fileURLToPath(stored), withHead, model]) {
      const head = await loadMlmHead(host, source);
      logits.push(head.logits(hidden));
      head.dispose();
    }
    for (const other of logits.slice(1)) expect(await maxDifference(other, logits[0]!)).toBe(0);
  });

  it('explains what is not there, and keeps no file open', async () => {
    const open = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
    const before = await open();
    await expect(loadMlmHead(host, folder)).rejects.toMatchObject({ code: 'MLM_HEAD_MISSING' });
    await expect(loadMlmHead(host, await newFolder())).rejects.toMatchObject({ code: 'HOST_WEIGHTS_MISSING' });
    await expect(loadMlmHead(host, './no/such/folder')).rejects.toMatchObject({ code: 'HOST_DIRECTORY_MISSING' });
    expect(await open()).toBe(before);
  });
});

describe('a RoBERTa folder', () => {
  const { tokenizerJson } = JSON.parse(readFileSync(new URL('tokenizer-roberta.json', goldenFolder), 'utf8')) as {
    tokenizerJson: object;
  };
  const vocabSize = 601;
  async function robertaFolder(changes: object = {}) {
    const config = { ...tinyHostConfig({ modelType: 'roberta', vocabSize }), ...changes };
    const shapes = expectedTensors(describeEncoder(parseHostConfig(config, 'tiny'), false));
    const tensors = shapes.map(({ path, shape }) => {
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i));
      return [`roberta.${path}`, { shape, data }] as const;
    });
    return writeFiles(await newFolder(), {
      'config.json': JSON.stringify(config),
      'tokenizer.json': JSON.stringify(tokenizerJson),
      'model.safetensors': writeSafetensors(new Map(tensors)),
    });
  }

  it('gives a host and a tokenizer that belong together', async () => {
    const { host: roberta, tokenizer } = await loadHost(await robertaFolder());
    expect(roberta.spec).toMatchObject({ modelType: 'roberta', defaultReadout: 'cls', padTokenId: 1 });
    expect(tokenizer.padTokenId).toBe(1);
    expect(tokenizer.specialTokens.get('<mask>')).toBe(600);
    const texts = [['the quick', 'brown fox'] as const, ['It was <mask> .'] as const].map(([text, pair]) =>
      tokenizer.encode(text, { pair, maxTokens: 64 }),
    );
    // <s> A </s></s> B </s>, of one type.
    const { inputIds, tokenTypeIds } = texts[0]!;
    const ends = inputIds.flatMap((id, index) => (id === 2 ? [index] : []));
    expect([inputIds[0], ends.length, ends[1]! - ends[0]!, ends[2]]).toEqual([0, 3, 1, inputIds.length - 1]);
    expect(tokenTypeIds.every((type) => type === 0)).toBe(true);
    const run = (multipleOf: number, rows = texts) => {
      const batch = padBatch(rows, tokenizer.padTokenId, { multipleOf });
      return roberta.forward(batch, [], evaluationContext(roberta.spec, rows.length)).lastHiddenState;
    };
    const alone = run(1, [texts[1]!]);
    const together = run(16).slice([1, 0, 0], [1, alone.shape[1], -1]);
    expect(await maxDifference(together, alone)).toBeLessThan(1e-5);
    roberta.dispose();
  });

  it('is refused if tokenizer and configuration disagree on padding, by which positions are counted', async () => {
    await expect(loadHost(await robertaFolder({ pad_token_id: 0 }))).rejects.toMatchObject({
      code: 'TOKENIZER_MISMATCH',
      message: expect.stringMatching(/pads with 1, .*pad_token_id 0/),
    });
  });
});

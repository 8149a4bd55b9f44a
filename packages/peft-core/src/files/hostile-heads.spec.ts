import { describe, expect, it } from '@jest/globals';
import { growthOfTime, linearGrowth } from '../../../../tools/jest/growth-of-time.js';
import { peftErrorOf } from '../../test/bad-files.js';
import { bytesOfText, edited, loaded, retensored, saved, without } from '../../test/toy-adapters.js';
import { toyHost } from '../../test/toy-host.js';
import { toy } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { head } from '../head.js';
import type { NamedArray } from '../parameters.js';
import { writeSafetensors } from '../safetensors/write-safetensors.js';
import { loadAdapterHubHead } from './adapter-hub-head.js';
import { readHostHead } from './host-head.js';
import { savedCandidates } from './take-saved.js';

const configName = 'adapter_config.json';
const foreign = async () =>
  without(await saved(compose(toy(), head({ labels: ['ham', 'spam'], readout: 'pooler' }))), 'tfjs_peft.json');
const nothing = (rows: number): NamedArray => ({ shape: [rows, 0], data: new Float32Array(0) });
const hubHead = (name: string, rows: number, config: object) =>
  new Map([
    ['model_head.safetensors', writeSafetensors(new Map([[name, nothing(rows)]]))],
    ['head_config.json', bytesOfText(JSON.stringify(config))],
  ]);

describe('a head from a stranger', () => {
  const flexible = { name: 'a', config: { head_type: 'classification', layers: 1, label2id: {} } };
  const readers: [string, (rows: number) => Promise<unknown>][] = [
    [
      'of a classifier',
      async (rows) =>
        loaded(
          await retensored(await foreign(), (tensors) =>
            tensors.set('base_model.model.classifier.weight', nothing(rows)),
          ),
        ),
    ],
    [
      'of single tokens',
      async (rows) =>
        loaded(
          edited(
            await retensored(await foreign(), (tensors) =>
              tensors.set('base_model.model.classifier.weight', nothing(rows)),
            ),
            configName,
            { task_type: 'TOKEN_CLS' },
          ),
        ),
    ],
    ['of AdapterHub', (rows) => loadAdapterHubHead(hubHead('heads.a.1.weight', rows, flexible), toyHost, {})],
    ['of AdapterHub in an HF class', (rows) => loadAdapterHubHead(hubHead('classifier.weight', rows, {}), toyHost, {})],
    [
      'of a model',
      async (rows) =>
        readHostHead(
          new Map([
            ['classifier.weight', nothing(rows)],
            ['classifier.bias', { shape: [1], data: new Float32Array(1) }],
          ]),
          toyHost,
          'model.safetensors',
        ),
    ],
  ];

  it.each(readers)('%s with rows and no numbers costs nothing', async (_, read) => {
    for (const rows of [0, 1, 2 ** 26, 2 ** 32, 2 ** 52]) {
      const start = process.cpuUsage();
      const error = await peftErrorOf(() => read(rows));
      expect(error.code).toBe('TENSOR_MISSHAPEN');
      expect(process.cpuUsage(start).user).toBeLessThan(2e6);
    }
  });
});

describe('modules_to_save from a stranger', () => {
  it('in a list of many, on a host of many layers, take time that grows with both', async () => {
    const work = (size: number) => {
      const [first] = toyHost.sites.filter(({ kind }) => kind === 'linear');
      const sites = Array.from({ length: size / 100 }, (_, i) => ({ ...first!, path: `encoder.layer.${i}.query` }));
      const many = Array.from({ length: size }, (_, i) => `#${i.toString(36)}`);
      const found = savedCandidates({ modules_to_save: [...many, 'layer.0.query'] }, { ...toyHost, sites });
      expect(found).toMatchObject({ modules: ['layer.0.query'], named: [0, 1].map(() => expect.any(String)) });
    };
    expect(await growthOfTime(work, 40_000)).toBeLessThan(linearGrowth);
  });

  it('that are too many, or one many times', async () => {
    const files = await foreign();
    const many = new Array(7e4).fill('score');
    expect((await peftErrorOf(() => loaded(edited(files, configName, { modules_to_save: many })))).code).toBe(
      'TARGETS_TOO_MANY',
    );
    await loaded(edited(files, configName, { modules_to_save: many.slice(0, 6e4) }));
  });
});

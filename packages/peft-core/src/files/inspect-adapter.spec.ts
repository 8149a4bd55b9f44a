import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../../test/bad-files.js';
import { bytesOfText, saved } from '../../test/toy-adapters.js';
import { toyHost } from '../../test/toy-host.js';
import { own, pair, toy } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { head } from '../head.js';
import { writeSafetensors } from '../safetensors/write-safetensors.js';
import { inspectAdapter } from './inspect-adapter.js';

const labels = ['ham', 'spam'];
const hf = (config: unknown, names: readonly string[]) =>
  new Map([
    ['adapter_config.json', bytesOfText(JSON.stringify(config))],
    [
      'adapter_model.safetensors',
      writeSafetensors(new Map(names.map((name) => [name, { shape: [2], data: new Float32Array(2) }]))),
    ],
  ]);

describe('inspectAdapter', () => {
  it('describes a folder of ours', async () => {
    const files = await saved(pair(compose(toy(), head({ labels }))), { baseModelNameOrPath: 'org/model' });
    const summary = await inspectAdapter(files);
    expect(summary).toMatchObject({
      writtenBy: 'tfjs-peft',
      method: 'COMPOSE',
      unfolded: { type: 'PAIR' },
      host: { fingerprint: toyHost.fingerprint, name: 'toy-bert' },
      head: { readout: 'mean', labels },
      baseModelNameOrPath: 'org/model',
      peftVersion: '0.21.0',
      taskType: 'SEQ_CLS',
      // Two rows of 4, a head of 2 × 4 + 2; the vertices are listed and not counted.
      numbers: 18,
      dtypes: ['F32'],
      knownDefects: [],
    });
    expect(summary.differences).toHaveLength(1);
    expect(summary.tensors.filter(({ file }) => file === 'vertices.safetensors')).toHaveLength(8);
    expect(summary.tensors[0]).toMatchObject({ file: 'adapter_model.safetensors', dtype: 'F32', numbers: 4 });
  });

  it('counts a head that is stored with every part once', async () => {
    const method = compose(toy(), toy({ name: 'other', targets: ['value'] }), own({ name: 'mine' }), head({ labels }));
    expect((await inspectAdapter(await saved(method))).numbers).toBe(3 * 8 + 10);
  });

  it('describes a method without counterpart in HF peft', async () => {
    expect(await inspectAdapter(await saved(own()))).toMatchObject({ method: 'OWN', numbers: 8, taskType: undefined });
  });

  it.each<[string, unknown, string[], RegExp]>([
    [
      'a lost head',
      { peft_type: 'PREFIX_TUNING', task_type: 'SEQ_CLS' },
      ['prompt_embeddings'],
      /0\.15\.0 to 0\.16\.0/,
    ],
    [
      'biases of early versions',
      { peft_type: 'LORA' },
      ['base_model.model.bert.encoder.layer.0.attention.self.query.bias'],
      /base_layer/,
    ],
    ['live names', { peft_type: 'LORA' }, ['base_model.model.classifier.modules_to_save.weight'], /modules_to_save/],
    [
      'a start that changes the host',
      { peft_type: 'LORA', init_lora_weights: 'pissa_niter_4' },
      ['a'],
      /pissa_niter_4/,
    ],
  ])('names %s', async (_, config, names, message) => {
    const { knownDefects } = await inspectAdapter(hf(config, names));
    expect(knownDefects).toEqual([expect.stringMatching(message)]);
  });

  it('refuses folders that hold no adapter', async () => {
    const codeOf = async (files: ReadonlyMap<string, Uint8Array>) =>
      (await peftErrorOf(() => inspectAdapter(files))).code;
    const files = await saved(toy());
    expect(await codeOf(new Map())).toBe('ADAPTER_FILE_MISSING');
    const tensorless = new Map([...files].filter(([name]) => !name.endsWith('.safetensors')));
    expect(await codeOf(tensorless)).toBe('ADAPTER_FILE_MISSING');
    expect(await codeOf(new Map([...tensorless, ['adapter_model.bin', new Uint8Array(1)]]))).toBe('PICKLE_REFUSED');
    expect(await codeOf(new Map([...files, ['../x', new Uint8Array(1)]]))).toBe('FILE_NAME_UNSAFE');
    expect(await codeOf(new Map([...files, ['vertices.safetensors', new Uint8Array(1)]]))).toBe(
      'SAFETENSORS_TRUNCATED',
    );
  });
});

describe('adapters written by HF peft 0.21.0', () => {
  const folder = fileURLToPath(new URL('../../../../../shared/peft-fixtures/adapters/', import.meta.url));
  const cases = existsSync(folder) ? readdirSync(folder) : [];
  if (cases.length === 0) console.log(`skipped: no ${folder}`);

  (cases.length > 0 ? it.each(cases) : it.skip.each(['none']))('%s has no known defect', async (name) => {
    const files = new Map(
      readdirSync(folder + name).map((file) => [file, new Uint8Array(readFileSync(`${folder}${name}/${file}`))]),
    );
    const summary = await inspectAdapter(files);
    expect(summary).toMatchObject({
      writtenBy: 'hf-peft',
      peftVersion: '0.21.0',
      taskType: 'SEQ_CLS',
      knownDefects: [],
    });
    expect(summary.method).toBe(JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))).peft_type);
    expect(summary.numbers).toBeGreaterThan(99);
  });
});

describe('what an adapter has where', () => {
  it('counts layers and numbers by target, and heads apart', async () => {
    const { coverage, ranks } = await inspectAdapter(
      await saved(compose(toy({ targets: ['query', 'pooler.dense'] }), head({ labels }))),
    );
    expect(coverage).toEqual([
      { target: 'attention.self.query.toy', layers: [0, 1], tensors: 2, numbers: 8 },
      { target: 'bert.pooler.dense.toy', layers: [], tensors: 1, numbers: 4 },
    ]);
    expect(ranks).toEqual([]);
  });

  it('reads ranks from the shapes of factors, and norms only if asked', async () => {
    const layer = (index: number) => `base_model.model.bert.encoder.layer.${index}.attention.self.value.lora_`;
    const tensors = new Map([
      [`${layer(0)}A.weight`, { shape: [2, 3], data: new Float32Array(6).fill(2) }],
      [`${layer(0)}B.weight`, { shape: [3, 2], data: new Float32Array(6).fill(0) }],
      [`${layer(11)}A.weight`, { shape: [4, 3], data: new Float32Array(12).fill(1) }],
      ['base_model.model.classifier.weight', { shape: [1, 1], data: new Float32Array(1) }],
    ]);
    const files = hf({ peft_type: 'LORA' }, []).set('adapter_model.safetensors', writeSafetensors(tensors));
    const summary = await inspectAdapter(files, { norms: true });
    expect(summary.ranks).toEqual([2, 4]);
    expect(summary.coverage).toEqual([
      { target: 'attention.self.value', layers: [0, 11], tensors: 3, numbers: 24, norm: expect.closeTo(6) },
    ]);
    expect(summary.tensors[0]).toMatchObject({ norm: Math.sqrt(24) });
    const plain = await inspectAdapter(files);
    expect([plain.coverage[0]!.norm, plain.tensors[0]!.norm]).toEqual([undefined, undefined]);
  });
});

describe('who wrote an adapter', () => {
  it.each<[string, unknown, string[], object]>([
    ['its own word', { peft_type: 'LORA', peft_version: '0.19.1' }, ['a'], { version: '0.19.1' }],
    ['biases', { peft_type: 'LORA' }, ['m.encoder.layer.0.attention.self.query.bias'], { below: '0.7.0' }],
    [
      'a lost head',
      { peft_type: 'P_TUNING', task_type: 'SEQ_CLS' },
      ['prompt_embeddings'],
      { atLeast: '0.15.0', below: '0.17.0' },
    ],
    ['nothing', { peft_type: 'LORA' }, ['a'], { below: '0.18.0' }],
  ])('is told by %s', async (_, config, names, expected) => {
    const { writer } = await inspectAdapter(hf(config, names));
    expect(writer).toMatchObject(expected);
    expect(writer!.clues.length).toBeGreaterThan(0);
  });

  it('names OFT files that later versions refuse', async () => {
    expect((await inspectAdapter(hf({ peft_type: 'OFT' }, ['a']))).knownDefects).toEqual([
      expect.stringContaining('0.15.2'),
    ]);
  });

  it('knows folders of AdapterHub, with their faulty scale and their gates', async () => {
    const hub = (config: object, version = 'adapters.1.2.0') =>
      new Map([
        [
          'adapter_config.json',
          bytesOfText(JSON.stringify({ config, name: 'a', version, model_name: 'bert-base-uncased' })),
        ],
        [
          'adapter.safetensors',
          writeSafetensors(
            new Map([
              [
                'bert.encoder.layer.1.attention.self.query.loras.a.lora_A',
                { shape: [8, 2], data: new Float32Array(16) },
              ],
            ]),
          ),
        ],
      ]);
    const lora = { architecture: 'lora', r: 8, alpha: 16 };
    expect(await inspectAdapter(hub(lora))).toMatchObject({
      writtenBy: 'adapter-hub',
      method: 'lora',
      baseModelNameOrPath: 'bert-base-uncased',
      writer: { version: 'adapters.1.2.0' },
      ranks: [8],
      coverage: [{ target: 'attention.self.query', layers: [1] }],
      knownDefects: [],
    });
    for (const version of ['adapters.1.0.1', 'adapters.0.2.2'])
      expect((await inspectAdapter(hub(lora, version))).knownDefects).toEqual([
        expect.stringContaining('alpha 16 counts as r 8'),
      ]);
    expect((await inspectAdapter(hub({ ...lora, alpha: 8 }, 'adapters.1.0.1'))).knownDefects).toEqual([]);
    const union = {
      architecture: 'union',
      configs: [{ architecture: 'prefix_tuning', use_gating: true }, { mh_adapter: true }],
    };
    expect(await inspectAdapter(hub(union))).toMatchObject({
      method: 'prefix_tuning + bottleneck',
      knownDefects: [expect.stringContaining('gates')],
    });
    const ofDistilBert = new Map(hub({ architecture: 'prefix_tuning' }));
    const config = { config: { architecture: 'prefix_tuning' }, model_type: 'distilbert', name: 'a' };
    ofDistilBert.set('adapter_config.json', bytesOfText(JSON.stringify(config)));
    expect((await inspectAdapter(ofDistilBert)).knownDefects).toEqual([expect.stringContaining('raises by one')]);
  });
});

describe('adapters in subfolders', () => {
  it('are looked at if there is one, and listed if there are more', async () => {
    const files = hf({ peft_type: 'LORA' }, ['a']);
    const below = (folder: string) => [...files].map(([name, bytes]) => [`${folder}/${name}`, bytes] as const);
    expect((await inspectAdapter(new Map(below('one')))).method).toBe('LORA');
    const error = await peftErrorOf(() => inspectAdapter(new Map([...below('one'), ...below('two')])));
    expect(error).toMatchObject({ code: 'ADAPTER_IN_SUBFOLDER', message: expect.stringContaining('one, two') });
  });
});

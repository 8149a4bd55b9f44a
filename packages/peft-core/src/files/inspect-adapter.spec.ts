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

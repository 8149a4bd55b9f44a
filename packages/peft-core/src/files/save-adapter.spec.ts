import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { peftErrorOf } from '../../test/bad-files.js';
import { jsonOf, loaded, randomAdapter, saved, textOf, valuesOf } from '../../test/toy-adapters.js';
import { toyHost, toyTensors } from '../../test/toy-host.js';
import { own, pair, toy } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { head } from '../head.js';
import type { PeftMethod } from '../method.js';
import { describeMethod } from '../registry.js';
import { bytesSource } from '../safetensors/byte-source.js';
import { openSafetensors } from '../safetensors/open-safetensors.js';
import { sha256Hex } from '../sha256-hex.js';
import { saveAdapter } from './save-adapter.js';

const labels = ['ham', 'spam'];
const pooled = (name = 'head') => head({ labels, readout: 'pooler', name });
const tensorNames = async (files: ReadonlyMap<string, Uint8Array>, name: string) =>
  [...(await openSafetensors(bytesSource(name, files.get(name)!))).tensors.keys()].sort();

describe('saveAdapter: one method that HF peft knows, and a head', () => {
  it('writes the folder of HF peft, with our record beside it', async () => {
    const files = await saved(compose(toy(), pooled()), { baseModelNameOrPath: 'org/model', revision: 'main' });
    expect([...files.keys()].sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'tfjs_peft.json']);
    expect(textOf(files, 'adapter_config.json')).toBe(`{
  "auto_mapping": null,
  "base_model_name_or_path": "org/model",
  "inference_mode": true,
  "modules_to_save": [
    "classifier",
    "score"
  ],
  "peft_type": "TOY",
  "peft_version": "0.21.0",
  "revision": "main",
  "target_modules": [
    "query"
  ],
  "task_type": "SEQ_CLS",
  "toy_rows": 1,
  "toy_scale": 1
}
`);
    expect(await tensorNames(files, 'adapter_model.safetensors')).toEqual([
      'base_model.model.bert.encoder.layer.0.attention.self.query.toy.weight',
      'base_model.model.bert.encoder.layer.1.attention.self.query.toy.weight',
      'base_model.model.classifier.bias',
      'base_model.model.classifier.weight',
    ]);
  });

  it('records host, method, resolved readout, labels and checksums', async () => {
    const method = compose(toy({ scale: 2 }), head({ labels }));
    const files = await saved(method);
    const record = jsonOf(files, 'tfjs_peft.json');
    expect(record).toMatchObject({
      format: 'tfjs-peft-adapter',
      formatVersion: 2,
      host: { fingerprint: toyHost.fingerprint, name: 'toy-bert', modelType: 'bert' },
      unfolded: null,
      head: { readout: 'mean', labels },
      units: [
        { folder: '', peftType: 'TOY', layout: 'hf-peft/0.21', configSha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ],
      sha256: { 'adapter_model.safetensors': sha256Hex(files.get('adapter_model.safetensors')!) },
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    // The host's usual readout may change: the head in the file names the one that was used.
    expect(JSON.stringify(record['method'])).toContain('"readout":"mean"');
  });

  it('lists why HF peft would compute something else', async () => {
    const differencesOf = async (method: PeftMethod) => jsonOf(await saved(method), 'tfjs_peft.json')['differences'];
    expect(await differencesOf(compose(toy(), pooled()))).toEqual([]);
    expect(await differencesOf(compose(toy({ exact: false }), pooled()))).toEqual(['toys are only approximate there']);
    expect(await differencesOf(compose(toy(), head({ labels, readout: 'mean' })))).toEqual([
      'HF\'s sequence classifier for "bert" reads the pooler, this head reads "mean"',
    ]);
    expect(await differencesOf(toy())).toEqual([expect.stringContaining('no head')]);
    expect(await differencesOf(own())).toEqual([expect.stringContaining('no counterpart of OWN')]);
  });

  it('gives the same bytes every time', async () => {
    const method = compose(toy(), pooled());
    expect(await saved(method)).toEqual(await saved(method));
  });

  it('stores floats as they are: a reader gets back every bit, transposed by the codec', async () => {
    const method = compose(toy({ targets: ['intermediate.dense'], rows: 3 }), pooled());
    expect((await loaded(await saved(method))).effective).toEqual(await valuesOf(method));
  });
});

describe('saveAdapter: other methods', () => {
  const cases: [string, PeftMethod, string[]][] = [
    ['a method alone', toy(), ['adapter_config.json', 'adapter_model.safetensors']],
    [
      'nested compositions',
      compose(compose(toy()), compose(pooled())),
      ['adapter_config.json', 'adapter_model.safetensors'],
    ],
    ['a method without codec', own(), ['adapter_model.safetensors']],
    ['a head alone', pooled(), ['adapter_model.safetensors']],
    ['a method without codec and a head', compose(own(), pooled()), ['adapter_model.safetensors']],
    [
      'two methods and a head',
      compose(toy(), pooled(), toy({ name: 'other', targets: ['value'] })),
      ['other', 'toy'].flatMap((part) => [
        `parts/${part}/adapter_config.json`,
        `parts/${part}/adapter_model.safetensors`,
      ]),
    ],
    [
      'a method with and one without codec, and a head',
      compose(toy(), own({ name: 'mine' }), pooled()),
      ['parts/mine/adapter_model.safetensors', 'parts/toy/adapter_config.json', 'parts/toy/adapter_model.safetensors'],
    ],
    ['an empty composition', compose(), ['adapter_model.safetensors']],
  ];

  it.each(cases)('%s: the expected files, and the same method and numbers when loaded', async (_, method, names) => {
    const files = await saved(method);
    expect([...files.keys()].sort()).toEqual([...names, 'tfjs_peft.json'].sort());
    const back = await loaded(files, { onWarning: (message) => expect(message).toBe('no warning') });
    expect(describeMethod(back.method)).toEqual(describeMethod(method));
    expect(back.effective).toEqual(await valuesOf(method));
    expect(back.hostFingerprint).toBe(toyHost.fingerprint);
  });

  it('gives every part that HF peft knows the head, under its own prefix', async () => {
    const files = await saved(compose(toy(), pooled(), toy({ name: 'other', targets: ['value'] })));
    for (const part of ['toy', 'other'])
      expect(await tensorNames(files, `parts/${part}/adapter_model.safetensors`)).toContain(
        'base_model.model.classifier.weight',
      );
    expect(jsonOf(files, 'tfjs_peft.json')['differences']).toContain(
      'HF peft loads one folder of parts/ at a time, not their composition',
    );
  });
});

describe('saveAdapter: a simplex', () => {
  const simplex = pair(compose(toy(), pooled()));

  it('stores the midpoint for deployment and all vertices beside it', async () => {
    const files = await saved(simplex);
    expect([...files.keys()].sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'tfjs_peft.json',
      'vertices.safetensors',
    ]);
    const vertices = await valuesOf(simplex);
    const folded = await loaded(files);
    expect(describeMethod(folded.method)).toEqual(describeMethod(compose(toy(), pooled())));
    for (const [name, { data }] of Object.entries(folded.effective)) {
      const [a, b] = [vertices[`${name}#0`]!.data, vertices[`${name}#1`]!.data];
      expect(data).toEqual(data.map((_, i) => Math.fround(Math.fround(a[i]! + b[i]!) / 2)));
    }
    const whole = await loaded(files, { unfolded: true });
    expect(describeMethod(whole.method)).toEqual(describeMethod(simplex));
    expect(whole.effective).toEqual(vertices);
  });

  it('works inside a composition, where only a part folds', async () => {
    const method = compose(pair(toy()), pooled());
    const files = await saved(method);
    expect(files.has('adapter_config.json')).toBe(true);
    expect((await loaded(files, { unfolded: true })).effective).toEqual(await valuesOf(method));
    expect(describeMethod((await loaded(files)).method)).toEqual(describeMethod(compose(toy(), pooled())));
  });

  it('is itself when loaded unfolded without one', async () => {
    const method = compose(toy(), pooled());
    expect((await loaded(await saved(method), { unfolded: true })).effective).toEqual(await valuesOf(method));
  });
});

describe('saveAdapter: memory and bad input', () => {
  it('leaves the number of tensors where it was', async () => {
    const adapter = randomAdapter(pair(compose(toy(), pooled())));
    const before = tf.memory().numTensors;
    const files = await saveAdapter(adapter, toyTensors());
    expect(tf.memory().numTensors).toBe(before);
    await loaded(files);
    await loaded(files, { unfolded: true });
    await expect(
      loaded(new Map([...files].filter(([name]) => name !== 'vertices.safetensors')), { unfolded: true }),
    ).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses another host, with both fingerprints', async () => {
    const other = { ...toyHost, fingerprint: 'e'.repeat(64) };
    const error = await peftErrorOf(() => saveAdapter(randomAdapter(toy()), toyTensors(other)));
    expect(error.code).toBe('ADAPTER_FOR_ANOTHER_HOST');
    expect(error.message).toContain(toyHost.fingerprint);
    expect(error.message).toContain(other.fingerprint);
  });

  it('refuses parameters that are missing, left over, misshapen or not finite', async () => {
    const save = (change: (parameters: Map<string, tf.Tensor>) => void) =>
      peftErrorOf(() => {
        const adapter = randomAdapter(toy());
        const effective = new Map(adapter.effective);
        change(effective);
        return saveAdapter({ ...adapter, effective }, toyTensors());
      });
    const name = 'toy.encoder.layer.1.attention.self.query.rows';
    expect((await save((p) => p.delete(name))).code).toBe('TENSOR_MISSING');
    expect((await save((p) => p.set('toy.extra', tf.zeros([1])))).code).toBe('TENSOR_UNEXPECTED');
    const misshapen = await save((p) => p.set(name, tf.zeros([2, 1, 4])));
    expect(misshapen.code).toBe('TENSOR_MISSHAPEN');
    expect(misshapen.message).toMatch(/\[2, 1, 4\].*\[1, 4\]/);
    const infinite = await save((p) => p.set(name, tf.tensor2d([[1, NaN, 2, -Infinity]])));
    expect(infinite.code).toBe('VALUES_NOT_FINITE');
    expect(infinite.message).toMatch(/2 of 4 numbers.*index 1/);
  });

  it('refuses a name that is no folder name where one is needed', async () => {
    const method = compose(toy({ name: '../up' }), toy({ name: 'other' }));
    expect((await peftErrorOf(() => saved(method))).code).toBe('NAMESPACE_UNSAFE');
  });
});

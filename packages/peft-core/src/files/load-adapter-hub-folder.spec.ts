import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../../test/bad-files.js';
import { bytesOfText, loaded, retensored } from '../../test/toy-adapters.js';
import { toyHost } from '../../test/toy-host.js';
import { type WritableTensor, writeSafetensors } from '../safetensors/write-safetensors.js';

/** Files as AdapterHub's library (adapters 1.2.0) writes them; those that it wrote itself are tested in packages/eval. */
const [configName, tensorsName] = ['adapter_config.json', 'adapter.safetensors'] as const;
const [headConfigName, headName] = ['head_config.json', 'model_head.safetensors'] as const;
const numbers = (start: number, ...shape: number[]): WritableTensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => start + i),
});
const rowName = (layer: number, role: string, prefix = 'bert.') =>
  `${prefix}encoder.layer.${layer}.attention.self.${role}.toys.spam.row`;
const toys = (role: string, prefix?: string): [string, WritableTensor][] =>
  [0, 1].map((layer) => [rowName(layer, role, prefix), numbers(10 * layer, 4, 1)]);
const toyEntry = { architecture: 'toy', targets: ['query'] };

const hub = (
  config: object,
  tensors: readonly (readonly [string, WritableTensor])[],
  changes: object = {},
  more: readonly (readonly [string, Uint8Array])[] = [],
) =>
  new Map([
    [
      configName,
      bytesOfText(
        JSON.stringify({
          config,
          hidden_size: 4,
          model_class: 'BertAdapterModel',
          model_name: 'bert-base-uncased',
          model_type: 'bert',
          name: 'spam',
          version: 'adapters.1.2.0',
          ...changes,
        }),
      ),
    ],
    [tensorsName, writeSafetensors(new Map(tensors))],
    ...more,
  ]);
const headFiles = (config: object | null, tensors: Record<string, WritableTensor>, changes: object = {}) =>
  [
    [
      headConfigName,
      bytesOfText(JSON.stringify({ config, name: 'spam', model_class: 'BertAdapterModel', ...changes })),
    ],
    [headName, writeSafetensors(new Map(Object.entries(tensors)))],
  ] as const;
const classification = {
  head_type: 'classification',
  num_labels: 2,
  layers: 1,
  activation_function: 'tanh',
  bias: true,
  use_pooler: false,
  label2id: null,
};
const linear = { 'heads.spam.1.weight': numbers(1, 2, 4), 'heads.spam.1.bias': numbers(1, 2) };
const codeOf = async (files: ReadonlyMap<string, Uint8Array>, options = {}) =>
  (await peftErrorOf(() => loaded(files, options))).code;

describe('a folder of AdapterHub', () => {
  it('gives the method that its definition reads, with or without the name of the base model', async () => {
    for (const prefix of ['bert.', '']) {
      const adapter = await loaded(hub(toyEntry, toys('query', prefix)));
      expect(adapter.method).toMatchObject({ type: 'TOY', config: { targets: ['query'], scale: 1 } });
      expect(adapter.effective['toy.encoder.layer.1.attention.self.query.rows']).toEqual({
        shape: [1, 4],
        data: [10, 11, 12, 13],
      });
      expect(adapter.hostFingerprint).toBe(toyHost.fingerprint);
      expect(adapter.extraConfig).toEqual({ base_model_name_or_path: 'bert-base-uncased' });
      expect(adapter.report).toMatchObject({ writtenBy: 'adapter-hub', tensors: 2 });
    }
  });

  it('gives a composition for a union', async () => {
    const files = hub({ architecture: 'union', configs: [toyEntry, { architecture: 'toy2' }] }, toys('query'));
    expect((await peftErrorOf(() => loaded(files))).message).toMatch(/"toy2".*one of TOY, OWN/);
    const own = { architecture: 'own', targets: ['value'], as: 'mine' };
    const rows = toys('value').map(([name, array]) => [name.replace('.toys.', '.owns.'), array] as const);
    const two = await loaded(hub({ architecture: 'union', configs: [toyEntry, own] }, [...toys('query'), ...rows]));
    expect(two.method.parts!.map(({ type, namespaces }) => [type, ...namespaces])).toEqual([
      ['TOY', 'toy'],
      ['OWN', 'mine'],
    ]);
    expect(two.effective['mine.encoder.layer.1.attention.self.value.rows']!.data).toEqual([10, 11, 12, 13]);
    const one = await loaded(hub({ architecture: 'union', configs: [toyEntry] }, toys('query')));
    expect(one.method.type).toBe('TOY');
    const twice = { architecture: 'union', configs: [toyEntry, { ...toyEntry, targets: ['query'], as: 'other' }] };
    expect(await codeOf(hub(twice, toys('query')))).toBe('ADAPTER_HUB_UNSUPPORTED');
  });

  it.each<[string, () => ReadonlyMap<string, Uint8Array>, string]>([
    ['another width', () => hub(toyEntry, toys('query'), { hidden_size: 768 }), 'ADAPTER_FOR_ANOTHER_HOST'],
    ['another architecture', () => hub(toyEntry, toys('query'), { model_type: 'roberta' }), 'ADAPTER_FOR_ANOTHER_HOST'],
    ['no name', () => hub(toyEntry, toys('query'), { name: undefined }), 'CONFIG_INVALID'],
    ['another name', () => hub(toyEntry, toys('query'), { name: 'ham' }), 'TENSOR_MISSING'],
    ['an empty union', () => hub({ architecture: 'union', configs: [] }, []), 'CONFIG_INVALID'],
    ['an unknown method', () => hub({ architecture: 'reft' }, toys('query')), 'ADAPTER_HUB_UNSUPPORTED'],
    ['a missing tensor', () => hub(toyEntry, toys('query').slice(1)), 'TENSOR_MISSING'],
    ['a tensor that nothing uses', () => hub(toyEntry, [...toys('query'), ['x', numbers(0, 1)]]), 'TENSOR_UNEXPECTED'],
    ['a name twice', () => hub(toyEntry, [...toys('query'), ...toys('query', '')]), 'TENSOR_NAME_AMBIGUOUS'],
    [
      'a pickle',
      () =>
        new Map([...hub(toyEntry, [])].filter(([name]) => name !== tensorsName)).set(
          'pytorch_adapter.bin',
          new Uint8Array(9),
        ),
      'PICKLE_REFUSED',
    ],
    [
      'a head that is a pickle',
      () => hub(toyEntry, toys('query'), {}, [['pytorch_model_head.bin', new Uint8Array(9)]]),
      'PICKLE_REFUSED',
    ],
  ])('refuses %s', async (_, files, code) => {
    const error = await peftErrorOf(() => loaded(files()));
    expect(error.code).toBe(code);
    if (code === 'PICKLE_REFUSED') expect(error.text.fix).toContain('use_safetensors=True');
  });

  it('says that a pickle beside the tensors is not read', async () => {
    const warnings: string[] = [];
    const files = hub(toyEntry, toys('query'), {}, [['pytorch_adapter.bin', new Uint8Array(9)]]);
    await loaded(files, { onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining('pytorch_adapter.bin is ignored')]);
  });
});

describe('a head of AdapterHub', () => {
  const withHead = (config: object | null, tensors: Record<string, WritableTensor>, changes?: object) =>
    hub(toyEntry, toys('query'), {}, headFiles(config, tensors, changes));
  const headOf = async (files: ReadonlyMap<string, Uint8Array>, options = {}) => {
    const { method, effective } = await loaded(files, options);
    const { config } = method.parts!.find(({ type }) => type === 'HEAD')!;
    return { config, effective };
  };

  it('of one affine map reads the first token, or the pooler', async () => {
    const { config, effective } = await headOf(withHead(classification, linear));
    expect(config).toMatchObject({ labels: ['LABEL_0', 'LABEL_1'], readout: 'cls', hidden: 'none' });
    expect(effective['head.classifier.weight']).toEqual({ shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] });
    expect(effective['head.classifier.bias']).toEqual({ shape: [2], data: [1, 2] });
    const pooled = await headOf(withHead({ ...classification, use_pooler: true }, linear));
    expect(pooled.config).toMatchObject({ readout: 'pooler' });
  });

  it('of two affine maps has a hidden layer', async () => {
    const tensors = {
      'heads.spam.1.weight': numbers(5, 4, 4),
      'heads.spam.1.bias': numbers(5, 4),
      'heads.spam.4.weight': numbers(1, 2, 4),
      'heads.spam.4.bias': numbers(1, 2),
    };
    const { config, effective } = await headOf(withHead({ ...classification, layers: 2 }, tensors));
    expect(config).toMatchObject({ hidden: 'tanh' });
    expect(effective['head.dense.weight']!.data[0]).toBe(5);
    expect(effective['head.classifier.weight']!.data[0]).toBe(1);
  });

  it('without bias has one of zeros, and labels by their ids', async () => {
    const config = { ...classification, bias: false, label2id: { spam: 1, ham: 0 } };
    const found = await headOf(withHead(config, { 'heads.spam.1.weight': numbers(1, 2, 4) }));
    expect(found.config).toMatchObject({ labels: ['ham', 'spam'] });
    expect(found.effective['head.classifier.bias']!.data).toEqual([0, 0]);
    expect(
      (await headOf(withHead(config, { 'heads.spam.1.weight': numbers(1, 2, 4) }), { labels: ['a', 'b'] })).config,
    ).toMatchObject({
      labels: ['a', 'b'],
    });
  });

  it('of an HF class is read by its names there', async () => {
    const tensors = { 'classifier.weight': numbers(1, 2, 4), 'classifier.bias': numbers(1, 2) };
    const { config } = await headOf(withHead(null, tensors, { name: null, label2id: { no: 0, yes: 1 } }));
    expect(config).toMatchObject({ labels: ['no', 'yes'], readout: 'pooler', hidden: 'none' });
  });

  it('refuses what a head here cannot be', async () => {
    const head = (changes: object, tensors: Record<string, WritableTensor> = linear) =>
      withHead({ ...classification, ...changes }, tensors);
    expect(await codeOf(head({ head_type: 'tagging' }))).toBe('HEAD_UNSUPPORTED');
    expect(await codeOf(head({ layers: 3 }))).toBe('HEAD_UNSUPPORTED');
    expect(await codeOf(head({ layers: 2, activation_function: 'swish' }))).toBe('HEAD_UNSUPPORTED');
    expect(await codeOf(head({}, { ...linear, 'heads.spam.2.weight': numbers(1, 1) }))).toBe('TENSOR_UNEXPECTED');
    expect(await codeOf(await retensored(head({}), (tensors) => tensors.delete('heads.spam.1.bias'), headName))).toBe(
      'TENSOR_MISSING',
    );
    expect(await codeOf(head({}), { labels: ['one'] })).toBe('LABELS_MISMATCH');
  });
});

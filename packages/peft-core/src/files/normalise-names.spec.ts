import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../../test/bad-files.js';
import { toyHost } from '../../test/toy-host.js';
import type { NamedArray } from '../parameters.js';
import { normaliseNames } from './normalise-names.js';

const path = 'encoder.layer.0.attention.self.query';
const live = `base_model.model.bert.${path}`;
const expected = [
  `${live}.lora_A.weight`,
  `${live}.lora_B.weight`,
  `${live}.lora_magnitude_vector`,
  `${live}.base_layer.bias`,
  'base_model.model.bert.encoder.layer.0.attention.self.key.ia3_l',
  'base_model.model.bert.embeddings.word_embeddings.lora_embedding_A',
  'base_model.model.bert.encoder.layer.0.output.LayerNorm.ln_tuning_layers.weight',
  'base_model.model.classifier.weight',
  'base_model.model.classifier.bias',
  'base_model.model.classifier.dense.weight',
];
const array = (value: number): NamedArray => ({ shape: [1], data: new Float32Array([value]) });
const run = (names: readonly string[] | Record<string, number>) => {
  const entries = Array.isArray(names) ? names.map((name, i) => [name, i] as const) : Object.entries(names);
  const tensors = new Map(entries.map(([name, value]) => [name as string, array(value as number)]));
  const { tensors: named, ...report } = normaliseNames(tensors, expected, toyHost, 'file');
  return { names: [...named.keys()], values: [...named.values()].map(({ data }) => data[0]), ...report };
};

describe('normaliseNames', () => {
  it.each<[string, string, string]>([
    ['no prefix', `bert.${path}.lora_A.weight`, expected[0]!],
    ['no prefix, a bare encoder', `${path}.lora_A.weight`, expected[0]!],
    ['a bare encoder', `base_model.model.${path}.lora_A.weight`, expected[0]!],
    ['the prefix of prompt learning', 'base_model.classifier.weight', expected[7]!],
    ['the adapter inside', `${live}.lora_A.default.weight`, expected[0]!],
    ['the adapter at the end', 'base_model.model.bert.encoder.layer.0.attention.self.key.ia3_l.my_task', expected[4]!],
    ['the adapter behind a table', 'embeddings.word_embeddings.lora_embedding_A.default', expected[5]!],
    ['the adapter in a norm', 'encoder.layer.0.output.LayerNorm.ln_tuning_layers.default.weight', expected[6]!],
    ['a magnitude with .weight', `${live}.lora_magnitude_vector.weight`, expected[2]!],
    ['a live magnitude', `${live}.lora_magnitude_vector.default.weight`, expected[2]!],
    ['a bias of peft before 0.7', `${live}.bias`, expected[3]!],
    ['a head with modules_to_save', 'base_model.model.classifier.modules_to_save.weight', expected[7]!],
    ['a live head', 'base_model.model.classifier.modules_to_save.default.weight', expected[7]!],
    ['a live head of two layers', 'classifier.modules_to_save.default.dense.weight', expected[9]!],
  ])('%s', (_, from, to) => {
    expect(run([from])).toEqual({ names: [to], values: [0], renamed: [{ from, to }], dropped: [] });
  });

  it('leaves names as they should be and names that nobody knows', () => {
    const strange = [
      `${live}.lora_A.weights`,
      `${live}.lora_C.weight`,
      'x',
      `${live}.lora_A`,
      `${path}.dense.lora_A.weight`,
    ];
    const names = [...expected, ...strange];
    expect(run(names)).toMatchObject({ names, renamed: [], dropped: [] });
  });

  it('drops equal copies of a head and what it was before training, as bias "all" writes them', () => {
    const [head, copy, before] = ['', 'modules_to_save.', 'original_module.'].map(
      (part) => `base_model.model.classifier.${part}bias`,
    );
    expect(run({ [head!]: 1, [copy!]: 1, [before!]: 5 })).toEqual({
      names: [head],
      values: [1],
      renamed: [],
      dropped: [
        { name: copy, reason: `an equal copy of ${head}` },
        { name: before, reason: expect.stringContaining('before training') },
      ],
    });
    expect(run({ [before!]: 5, [copy!]: 1 })).toMatchObject({ names: [head], values: [1] });
    const other = 'base_model.model.bert.pooler.original_module.bias';
    expect(run([other]).names).toEqual([other]);
  });

  it('refuses copies that differ, whatever their order', async () => {
    for (const [first, second] of [
      [`${live}.bias`, `${live}.base_layer.bias`],
      ['classifier.bias', 'base_model.model.classifier.modules_to_save.bias'],
      [`${live}.lora_A.weight`, `${path}.lora_A.weight`],
    ])
      for (const names of [
        { [first!]: 1, [second!]: 2 },
        { [second!]: 2, [first!]: 1 },
      ]) {
        const error = await peftErrorOf(() => run(names));
        expect(error.code).toBe('ADAPTER_FILES_INCONSISTENT');
        for (const part of [first!, second!, 'file']) expect(error.message).toContain(part);
      }
  });

  it('refuses two adapters in one file', async () => {
    const error = await peftErrorOf(() => run([`${live}.lora_A.one.weight`, `${live}.lora_B.two.weight`]));
    expect(error.code).toBe('TENSOR_NAME_AMBIGUOUS');
    expect(error.message).toMatch(/"two".*"one"/);
    expect(run([`${live}.lora_A.one.weight`, `${live}.lora_B.one.weight`]).names).toEqual(expected.slice(0, 2));
  });
});

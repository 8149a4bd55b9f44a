import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../../test/bad-files.js';
import { bytesOfText, edited, jsonOf, loaded, retensored, saved, valuesOf, without } from '../../test/toy-adapters.js';
import { toy } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { head } from '../head.js';
import type { WritableTensor } from '../safetensors/write-safetensors.js';

/**
 * Imperfect files, each with an outcome that has a name (the table of defects in docs/files.md). The rows that need a LoRA are in packages/lora.
 */
const method = compose(toy({ scale: 2 }), head({ labels: ['ham', 'spam'], readout: 'pooler' }));
const configName = 'adapter_config.json';
const foreign = async () => without(await saved(method), 'tfjs_peft.json');
const rename = (files: ReadonlyMap<string, Uint8Array>, change: (name: string) => string) =>
  retensored(files, (tensors) => {
    const before = [...tensors];
    tensors.clear();
    for (const [name, tensor] of before) tensors.set(change(name), tensor);
  });
const remove = (part: string) => (tensors: Map<string, WritableTensor>) => {
  for (const name of tensors.keys()) if (name.includes(part)) tensors.delete(name);
};
const codeOf = async (files: ReadonlyMap<string, Uint8Array>) => (await peftErrorOf(() => loaded(files))).code;

describe('imperfect files of HF peft', () => {
  it('a missing tensor is an error', async () => {
    expect(await codeOf(await retensored(await foreign(), remove('layer.1')))).toBe('TENSOR_MISSING');
  });

  it('a missing head is an error that names the module', async () => {
    const error = await peftErrorOf(async () => loaded(await retensored(await foreign(), remove('classifier'))));
    expect(error).toMatchObject({ code: 'HEAD_MISSING', message: expect.stringContaining('classifier') });
    const half = await peftErrorOf(async () => loaded(await retensored(await foreign(), remove('classifier.bias'))));
    expect(half).toMatchObject({ code: 'TENSOR_MISSING', message: expect.stringContaining('classifier.bias') });
  });

  it('an unexpected tensor is an error', async () => {
    const files = await retensored(await foreign(), (tensors) =>
      tensors.set('base_model.model.bert.encoder.layer.0.attention.self.key.toy.weight', {
        shape: [4, 1],
        data: new Float32Array(4),
      }),
    );
    expect(await codeOf(files)).toBe('TENSOR_UNEXPECTED');
  });

  it('all tensors under a wrong path are an error', async () => {
    const error = await peftErrorOf(async () =>
      loaded(await rename(await foreign(), (name) => name.replace('encoder', 'decoder'))),
    );
    expect(error.code).toBe('TENSOR_MISSING');
    expect(error.message).toMatch(/decoder\.layer\.0.*encoder\.layer\.0/);
  });

  it('other prefixes than usual are read, and reported', async () => {
    for (const [search, replacement] of [
      [/^base_model\.model\./, ''],
      [/^base_model\.model\.bert\./, 'base_model.model.'],
      [/^base_model\.model\.(bert\.)?/, ''],
      [/toy\.weight$/, 'toy.default.weight'],
      [/classifier\./, 'classifier.modules_to_save.default.'],
    ] as const) {
      const adapter = await loaded(await rename(await foreign(), (name) => name.replace(search, replacement)));
      expect(adapter.effective).toEqual(await valuesOf(method));
      expect(adapter.report).toMatchObject({ writtenBy: 'hf-peft', tensors: 4, dropped: [] });
      expect(adapter.report.renamed.length).toBeGreaterThan(0);
    }
    expect((await loaded(await foreign())).report.renamed).toEqual([]);
  });

  it('another rank is an error with both shapes', async () => {
    const error = await peftErrorOf(async () => loaded(edited(await foreign(), configName, { toy_rows: 3 })));
    expect(error).toMatchObject({ code: 'TENSOR_MISSHAPEN', message: expect.stringMatching(/\[4, 1\].*\[4, 3\]/) });
  });

  it('a changed scale shows in files of ours alone: nothing in those of HF peft says what it was', async () => {
    const changed = edited(await saved(method), configName, { toy_scale: 1 });
    expect(await codeOf(changed)).toBe('ADAPTER_FILES_EDITED');
    expect((await loaded(without(changed, 'tfjs_peft.json'))).method.parts![0]!.config).toMatchObject({ scale: 1 });
  });

  it('another order of numbers inside tensors shows in the layout that files of ours name', async () => {
    const files = await saved(method);
    const { units } = jsonOf(files, 'tfjs_peft.json') as { units: object[] };
    const other = units.map((unit) => ({ ...unit, layout: 'values-before-keys/1' }));
    const error = await peftErrorOf(() => loaded(edited(files, 'tfjs_peft.json', { units: other })));
    expect(error).toMatchObject({
      code: 'ADAPTER_FORMAT_UNKNOWN',
      message: expect.stringContaining('values-before-keys/1'),
    });
  });

  it('unknown entries warn, those that change outputs are errors', async () => {
    expect(await codeOf(edited(await foreign(), configName, { use_rslora: true }))).toBe('CONFIG_KEY_UNSUPPORTED');
    const { report } = await loaded(edited(await foreign(), configName, { use_rslora: false, invented: 1 }));
    expect(report.ignoredEntries).toEqual(['use_rslora', 'invented']);
  });
});

describe('adapters in subfolders', () => {
  const below = (files: ReadonlyMap<string, Uint8Array>, folder: string) =>
    [...files].map(([name, bytes]) => [`${folder}/${name}`, bytes] as const);

  it('are found by a hint, and loaded by name', async () => {
    const files = new Map([...below(await foreign(), 'spam'), ['README.md', bytesOfText('a card')] as const]);
    const error = await peftErrorOf(() => loaded(files));
    expect(error).toMatchObject({ code: 'ADAPTER_IN_SUBFOLDER', message: expect.stringContaining('folder: "spam"') });
    for (const folder of ['spam', 'spam/'])
      expect((await loaded(files, { folder })).effective).toEqual(await valuesOf(method));
    const two = new Map([...files, ...below(await foreign(), 'ham')]);
    expect((await peftErrorOf(() => loaded(two))).message).toMatch(/2 in subfolders: spam, ham/);
    expect((await peftErrorOf(() => loaded(files, { folder: 'eggs' }))).message).toMatch(/eggs.*one of spam/);
    expect((await peftErrorOf(() => loaded(files, { folder: '..' }))).code).toBe('ADAPTER_FILE_MISSING');
  });

  it('do not hide an adapter at the top', async () => {
    const files = new Map([...(await foreign()), ...below(await foreign(), 'spam')]);
    expect((await loaded(files)).effective).toEqual(await valuesOf(method));
  });
});

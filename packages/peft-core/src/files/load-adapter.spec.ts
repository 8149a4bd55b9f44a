import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fileWithHeader, peftErrorOf } from '../../test/bad-files.js';
import {
  bytesOfText,
  edited,
  jsonOf,
  loaded,
  retensored,
  saved,
  textOf,
  valuesOf,
  without,
} from '../../test/toy-adapters.js';
import { toyHost, toyTensors } from '../../test/toy-host.js';
import { own, pair, toy } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { isPeftError } from '../errors.js';
import { head } from '../head.js';
import type { HostSpec } from '../host-spec.js';
import { createRegistry } from '../registry.js';
import { type WritableTensor, writeSafetensors } from '../safetensors/write-safetensors.js';
import { loadAdapter } from './load-adapter.js';

const labels = ['ham', 'spam'];
const method = compose(toy({ scale: 2 }), head({ labels, readout: 'pooler' }));
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const queryName = (layer: number) => `base_model.model.bert.encoder.layer.${layer}.attention.self.query.toy.weight`;

const robertaHost: HostSpec = {
  ...toyHost,
  classifier: {
    output: 'classifier.out_proj',
    hidden: { path: 'classifier.dense', activation: 'tanh' },
    readout: 'cls',
  },
};
const ours = () => saved(method);
/** The same files as HF peft would have written them. */
const bare = async () => without(await ours(), 'tfjs_peft.json');
const zeros = (...shape: number[]): WritableTensor => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});
const warningsOf = async (files: ReadonlyMap<string, Uint8Array>, options = {}) => {
  const warnings: string[] = [];
  const adapter = await loaded(files, { ...options, onWarning: (message) => warnings.push(message) });
  return { adapter, warnings };
};

describe('loadAdapter: files that do not fit, in our folder and in one of HF peft', () => {
  const missing = (tensors: Map<string, WritableTensor>) => tensors.delete(queryName(1));
  const leftOver = (tensors: Map<string, WritableTensor>) => tensors.set(`${queryName(0)}s`, zeros(4, 1));
  const misshapen = (tensors: Map<string, WritableTensor>) => tensors.set(queryName(1), zeros(4, 2));
  const renamed = (tensors: Map<string, WritableTensor>) => (missing(tensors), tensors.set('elsewhere', zeros(4, 1)));
  const halfHead = (tensors: Map<string, WritableTensor>) => tensors.delete('base_model.model.classifier.bias');
  const wideHead = (tensors: Map<string, WritableTensor>) =>
    tensors.set('base_model.model.classifier.weight', zeros(2, 5));
  const deepHead = (tensors: Map<string, WritableTensor>) =>
    tensors.set('base_model.model.classifier.dense.weight', zeros(4, 4));
  const infinite = (tensors: Map<string, WritableTensor>) =>
    tensors.set(queryName(1), { shape: [4, 1], data: new Float32Array([0, 0, Infinity, NaN]) });

  it.each<[string, (tensors: Map<string, WritableTensor>) => unknown, string, RegExp]>([
    ['a missing tensor', missing, 'TENSOR_MISSING', /layer\.1\.attention.*\[4, 1\]/],
    ['a tensor that nothing uses', leftOver, 'TENSOR_UNEXPECTED', /toy\.weights".*toy\.weight"/],
    ['a tensor of another shape', misshapen, 'TENSOR_MISSHAPEN', /layer\.1.*\[4, 2\].*\[4, 1\]/],
    ['a tensor under another name', renamed, 'TENSOR_MISSING', /layer\.1.*"elsewhere"/],
    ['half a head', halfHead, 'TENSOR_MISSING', /classifier\.bias/],
    ['a head for another width', wideHead, 'TENSOR_MISSHAPEN', /\[2, 5\].*\[2, 4\]/],
    ['a head of two layers', deepHead, 'HEAD_UNSUPPORTED', /classifier\.dense\.weight/],
    ['numbers that are not finite', infinite, 'VALUES_NOT_FINITE', /2 of 4 numbers.*index 2/],
  ])('%s', async (_, change, code, message) => {
    for (const files of [await ours(), await bare()]) {
      const damaged = await retensored(files, change);
      const error = await peftErrorOf(() => loaded(damaged));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.message).toContain(tensorsName);
      expect(error.text.fix).toBeTruthy();
    }
  });

  it.each<[string, (files: Map<string, Uint8Array>) => ReadonlyMap<string, Uint8Array>, string]>([
    ['no files', () => new Map(), 'ADAPTER_FILE_MISSING'],
    ['no tensors', (files) => without(files, tensorsName), 'ADAPTER_FILE_MISSING'],
    ['no configuration', (files) => without(files, configName), 'ADAPTER_FILE_MISSING'],
    [
      'only a pickle',
      (files) => without(files, tensorsName).set('adapter_model.bin', new Uint8Array(9)),
      'PICKLE_REFUSED',
    ],
    ['a cut file', (files) => files.set(tensorsName, files.get(tensorsName)!.subarray(0, -1)), 'SAFETENSORS_TRUNCATED'],
    [
      'a lying header',
      (files) => files.set(tensorsName, fileWithHeader({ a: { dtype: 'F32' } })),
      'SAFETENSORS_ENTRY_INVALID',
    ],
    [
      'integers that no single holds',
      (files) =>
        files.set(
          tensorsName,
          writeSafetensors(new Map([['a', { shape: [1], data: BigInt64Array.of(2n ** 24n + 1n) }]])),
        ),
      'TENSOR_DTYPE_UNSUPPORTED',
    ],
    ['a configuration that is a list', (files) => files.set(configName, bytesOfText('[]')), 'JSON_NOT_OBJECT'],
    [
      'a configuration with a key twice',
      (files) => files.set(configName, bytesOfText('{"r":1,"r":2}')),
      'JSON_DUPLICATE_KEY',
    ],
    [
      'a configuration of a megabyte',
      (files) => files.set(configName, bytesOfText(`{"a":"${'x'.repeat(2 ** 20)}"}`)),
      'JSON_TOO_LARGE',
    ],
    ['a deep configuration', (files) => files.set(configName, bytesOfText('{"a":'.repeat(99))), 'JSON_TOO_DEEP'],
    [
      'a configuration with __proto__',
      (files) => files.set(configName, bytesOfText('{"__proto__":{}}')),
      'JSON_KEY_FORBIDDEN',
    ],
    ['a semantic entry', (files) => edited(files, configName, { use_rslora: true }), 'CONFIG_KEY_UNSUPPORTED'],
    [
      'other modules to save',
      (files) => edited(files, configName, { modules_to_save: ['classifier', 'lm_head'] }),
      'CONFIG_KEY_UNSUPPORTED',
    ],
  ])('%s', async (_, damage, code) => {
    for (const files of [await ours(), await bare()]) {
      const error = await peftErrorOf(() => loaded(damage(new Map(files))));
      expect(error.code).toBe(code);
      expect(error.text.fix).toBeTruthy();
    }
  });

  it.each([
    '../tfjs_peft.json',
    '/etc/passwd',
    'a/../b',
    'a//b',
    './a',
    'C:\\x',
    'a\\b',
    'a\u0000',
    '',
    'parts/../../x',
  ])('the file name %j', async (name) => {
    const error = await peftErrorOf(async () => loaded((await ours()).set(name, new Uint8Array(0))));
    expect(error.code).toBe('FILE_NAME_UNSAFE');
  });

  it('ignores a pickle beside the tensors, and says so', async () => {
    const { warnings } = await warningsOf((await ours()).set('adapter_model.bin', new Uint8Array(9)));
    expect(warnings).toEqual([expect.stringContaining('adapter_model.bin is ignored')]);
  });
});

describe('loadAdapter: our folder', () => {
  it('refuses another host with both fingerprints and names, unless told otherwise', async () => {
    const other = { ...toyHost, fingerprint: 'e'.repeat(64), name: 'other' };
    const files = await ours();
    const error = await peftErrorOf(() => loaded(files, {}, other));
    expect(error.code).toBe('ADAPTER_FOR_ANOTHER_HOST');
    for (const part of [toyHost.fingerprint, other.fingerprint, 'toy-bert', 'other'])
      expect(error.message).toContain(part);
    const warnings: string[] = [];
    const allowed = await loaded(
      files,
      { allowOtherHost: true, onWarning: (message) => warnings.push(message) },
      other,
    );
    expect(allowed.hostFingerprint).toBe(other.fingerprint);
    expect(allowed.effective).toEqual(await valuesOf(method));
    expect(warnings).toEqual([expect.stringContaining(toyHost.fingerprint)]);
  });

  it('finds entries that were edited after saving and change outputs', async () => {
    const error = await peftErrorOf(async () => loaded(edited(await ours(), configName, { toy_scale: 3 })));
    expect(error.code).toBe('ADAPTER_FILES_EDITED');
    expect(error.message).toMatch(/"toy_scale" is 3.*"toy_scale": 2/);
    const type = await peftErrorOf(async () => loaded(edited(await ours(), configName, { peft_type: 'LORA' })));
    expect(type.code).toBe('ADAPTER_FILES_EDITED');
    const gone = await peftErrorOf(async () => loaded(edited(await ours(), configName, { toy_scale: undefined })));
    expect(gone.code).toBe('ADAPTER_FILES_EDITED');
  });

  it('warns of edits without effect, and not of another order or layout of the same entries', async () => {
    const renamed = await warningsOf(edited(await ours(), configName, { base_model_name_or_path: 'x' }));
    expect(renamed.warnings).toEqual([expect.stringContaining('no entry that changes outputs differs')]);
    const files = await ours();
    const reversed = Object.fromEntries(Object.entries(jsonOf(files, configName)).reverse());
    expect((await warningsOf(files.set(configName, bytesOfText(JSON.stringify(reversed))))).warnings).toEqual([]);
  });

  it('keeps unknown entries through load and save', async () => {
    const files = await saved(method, {
      extraConfig: { someday: [1], use_dora: false, peft_type: 'X' },
      baseModelNameOrPath: 'b',
    });
    const { adapter, warnings } = await warningsOf(files);
    expect(adapter.extraConfig).toEqual({ someday: [1], use_dora: false, base_model_name_or_path: 'b' });
    expect(warnings).toEqual([expect.stringContaining('"someday"')]);
    const again = await saved(method, { extraConfig: adapter.extraConfig });
    expect(textOf(again, configName)).toBe(textOf(files, configName));
  });

  it('refuses a record of another format or with wrong entries', async () => {
    const change = async (changes: Record<string, unknown>) =>
      (await peftErrorOf(async () => loaded(edited(await ours(), 'tfjs_peft.json', changes)))).code;
    expect(await change({ formatVersion: 3 })).toBe('ADAPTER_FORMAT_UNKNOWN');
    expect(await change({ format: undefined })).toBe('ADAPTER_FORMAT_UNKNOWN');
    expect(await change({ extra: 1 })).toBe('CONFIG_INVALID');
    expect(await change({ host: { fingerprint: 1 } })).toBe('CONFIG_INVALID');
    expect(await change({ method: { type: 'NONE', config: {} } })).toBe('UNKNOWN_METHOD');
    expect(await change({ method: { type: 'TOY', config: { scales: 1 } } })).toBe('CONFIG_INVALID');
    const uncounted = await warningsOf(edited(await ours(), 'tfjs_peft.json', { units: [] }));
    expect(uncounted.warnings).toEqual([expect.stringContaining('adapter_config.json was changed')]);
  });

  it.each([
    ['tensors', method, 'adapter_model.safetensors'],
    [
      'tensors of a part',
      compose(toy(), toy({ name: 'other', targets: ['value'] })),
      'parts/other/adapter_model.safetensors',
    ],
    ['vertices', compose(pair(toy()), head({ labels })), 'vertices.safetensors'],
  ])('finds a changed bit in %s, and takes a change that is meant', async (_, changed, name) => {
    const files = await saved(changed);
    const bytes = Uint8Array.from(files.get(name)!);
    bytes[bytes.length - 4]! ^= 1;
    files.set(name, bytes);
    const error = await peftErrorOf(() => loaded(files, { unfolded: true }));
    expect(error.code).toBe('ADAPTER_FILES_EDITED');
    expect(error.text.found).toContain(name);
    const meant = edited(files, 'tfjs_peft.json', { sha256: undefined });
    expect((await loaded(meant, { unfolded: true })).effective).not.toEqual({});
  });

  it('finds a record that was changed, and reads one of version 1, which has no checksum', async () => {
    const { checksum } = jsonOf(await ours(), 'tfjs_peft.json');
    const first = edited(await ours(), 'tfjs_peft.json', { formatVersion: 1, sha256: undefined });
    expect((await loaded(first)).effective).toEqual(await valuesOf(method));
    const changes = { differences: ['none'], checksum };
    const error = await peftErrorOf(async () => loaded(edited(await ours(), 'tfjs_peft.json', changes)));
    expect(error.code).toBe('ADAPTER_FILES_EDITED');
    expect(error.text.found).toContain('tfjs_peft.json');
  });

  it('refuses head tensors that the method has no place for', async () => {
    const files = await saved(toy());
    const damaged = await retensored(files, (tensors) =>
      tensors.set('base_model.model.classifier.weight', zeros(2, 4)).set('base_model.model.classifier.bias', zeros(2)),
    );
    expect((await peftErrorOf(() => loaded(damaged))).code).toBe('TENSOR_UNEXPECTED');
  });

  it('refuses parts whose heads differ, and names a part that is missing', async () => {
    const parts = compose(toy(), toy({ name: 'other', targets: ['value'] }), head({ labels }));
    const files = await saved(parts);
    const exchanged = await retensored(
      files,
      (tensors) => tensors.set('base_model.model.classifier.bias', { shape: [2], data: new Float32Array([9, 9]) }),
      'parts/other/adapter_model.safetensors',
    );
    const error = await peftErrorOf(() => loaded(exchanged));
    expect(error.code).toBe('ADAPTER_FILES_INCONSISTENT');
    expect(error.message).toContain('parts/other/');
    const gone = await peftErrorOf(() => loaded(without(files, 'parts/toy/adapter_model.safetensors')));
    expect(gone.message).toContain('parts/toy/adapter_model.safetensors');
  });

  it('checks parameters under own names as strictly', async () => {
    const files = await saved(compose(own(), head({ labels })));
    const name = 'own.encoder.layer.0.attention.self.query.rows';
    const codeOf = async (change: (tensors: Map<string, WritableTensor>) => void) =>
      (await peftErrorOf(async () => loaded(await retensored(files, change)))).code;
    expect(await codeOf((tensors) => tensors.delete(name.replace('own', 'toy')))).toBe('TENSOR_MISSING');
    expect(await codeOf((tensors) => tensors.set('other.x', zeros(1)))).toBe('TENSOR_UNEXPECTED');
    expect(await codeOf((tensors) => tensors.set('head.classifier.bias', zeros(3)))).toBe('TENSOR_MISSHAPEN');
  });

  it('wants all vertices of a simplex', async () => {
    const files = await saved(pair(method));
    const gone = await peftErrorOf(() => loaded(without(files, 'vertices.safetensors'), { unfolded: true }));
    expect(gone.code).toBe('ADAPTER_FILE_MISSING');
    const cut = await retensored(files, (tensors) => tensors.delete('head.classifier.bias#1'), 'vertices.safetensors');
    const error = await peftErrorOf(() => loaded(cut, { unfolded: true }));
    expect(error.code).toBe('TENSOR_MISSING');
    expect(error.message).toContain('vertices.safetensors');
    await loaded(cut);
  });

  it('does not allocate what a configuration only claims', async () => {
    const huge = { type: 'TOY', config: { rows: 1e12 } };
    const files = edited(await saved(toy()), 'tfjs_peft.json', { method: huge });
    expect((await peftErrorOf(() => loaded(files))).code).toBe('ADAPTER_FILES_INCONSISTENT');
  });

  it('fails with nothing but PeftError after any change of bytes', async () => {
    const files = await saved(pair(compose(toy(), own({ name: 'mine' }), head({ labels }))));
    const names = [...files.keys()];
    await fc.assert(
      fc.asyncProperty(fc.nat(names.length - 1), fc.nat(), fc.nat(255), fc.boolean(), async (file, at, byte, cut) => {
        const bytes = files.get(names[file]!)!.slice();
        bytes[at % bytes.length] = byte;
        const damaged = new Map(files).set(names[file]!, cut ? bytes.slice(0, at % bytes.length) : bytes);
        try {
          await loaded(damaged, { unfolded: at % 2 === 0 });
        } catch (error) {
          if (!isPeftError(error)) throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('loadAdapter: a folder of HF peft', () => {
  it('builds the method from its entries and the head on the pooler', async () => {
    const { adapter, warnings } = await warningsOf(await bare());
    expect(adapter.method.parts!.map(({ type }) => type)).toEqual(['TOY', 'HEAD']);
    expect(adapter.method.parts![0]!.config).toMatchObject({ targets: ['query'], scale: 2 });
    expect(adapter.method.parts![1]!.config).toMatchObject({ labels: ['LABEL_0', 'LABEL_1'], readout: 'pooler' });
    expect(adapter.effective).toEqual(await valuesOf(method));
    expect(adapter.hostFingerprint).toBe(toyHost.fingerprint);
    expect(warnings).toEqual([]);
  });

  it('accepts the head under any of the known prefixes, and modules_to_save twice', async () => {
    for (const prefix of ['base_model.', '']) {
      const files = await retensored(await bare(), (tensors) => {
        for (const name of ['classifier.weight', 'classifier.bias']) {
          tensors.set(prefix + name, tensors.get(`base_model.model.${name}`)!);
          tensors.delete(`base_model.model.${name}`);
        }
      });
      const twice = edited(files, configName, { modules_to_save: ['classifier', 'score', 'classifier', 'score'] });
      expect((await loaded(twice)).effective).toEqual(await valuesOf(method));
    }
  });

  it('takes the names of labels from the options or from config.json', async () => {
    const labelsOf = async (files: ReadonlyMap<string, Uint8Array>, options = {}) => {
      const { adapter, warnings } = await warningsOf(files, options);
      return { labels: (adapter.method.parts![1]!.config as { labels: string[] }).labels, warnings: warnings.length };
    };
    expect(await labelsOf(await bare(), { labels })).toEqual({ labels, warnings: 0 });
    const named = (id2label: unknown) => async () =>
      new Map(await bare()).set('config.json', bytesOfText(JSON.stringify({ id2label })));
    expect(await labelsOf(await named({ 0: 'no', 1: 'yes' })())).toEqual({ labels: ['no', 'yes'], warnings: 0 });
    expect(await labelsOf(await named({ 0: 'no' })())).toEqual({ labels: ['LABEL_0', 'LABEL_1'], warnings: 1 });
    const error = await peftErrorOf(async () => loaded(await bare(), { labels: ['one'] }));
    expect(error.code).toBe('LABELS_MISMATCH');
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['an unknown method', { peft_type: 'TOYS' }, 'UNKNOWN_PEFT_TYPE', /"TOYS".*did you mean "TOY"/],
    ['a method in lower case', { peft_type: 'toy' }, 'UNKNOWN_PEFT_TYPE', /did you mean "TOY"/],
    ['no method', { peft_type: undefined }, 'UNKNOWN_PEFT_TYPE', /none/],
    ['a method that HF peft does not know', { peft_type: 'OWN' }, 'UNKNOWN_PEFT_TYPE', /TOY/],
    ['another task', { task_type: 'CAUSAL_LM' }, 'TASK_UNSUPPORTED', /CAUSAL_LM/],
    ['an entry that the method wants', { toy_scale: 'x' }, 'CONFIG_INVALID', /adapter_config\.json/],
    ['an entry of the wrong kind', { target_modules: 5 }, 'CONFIG_INVALID', /adapter_config\.json/],
    ['a target that the host lacks', { target_modules: ['querry'] }, 'TARGET_UNMATCHED', /query/],
    ['a rank pattern', { rank_pattern: { query: 2 } }, 'CONFIG_KEY_UNSUPPORTED', /"rank_pattern"/],
    ['a start that changes the host', { init_lora_weights: 'pissa' }, 'CONFIG_KEY_UNSUPPORTED', /pissa/],
    ['more numbers than the file has', { toy_rows: 1e12 }, 'ADAPTER_FILES_INCONSISTENT', /4000000000000/],
  ])('refuses %s', async (_, changes, code, message) => {
    const error = await peftErrorOf(async () => loaded(edited(await bare(), configName, changes)));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('passes over neutral entries and warns of unknown ones with a hint', async () => {
    const files = edited(await bare(), configName, { rank_pattern: {}, lora_dropout: 0.1, toy_scal: 1 });
    const { adapter, warnings } = await warningsOf(files);
    expect(warnings).toEqual([expect.stringMatching(/"toy_scal": 1 \(did you mean "toy_scale"\?\)/)]);
    expect(adapter.extraConfig).toEqual({ rank_pattern: {}, lora_dropout: 0.1, toy_scal: 1 });
  });

  it('says so when the head is missing, and names the versions of peft that lost it', async () => {
    const headless = await retensored(await bare(), (tensors) => {
      for (const name of [...tensors.keys()]) if (name.includes('classifier')) tensors.delete(name);
    });
    const error = await peftErrorOf(() => loaded(headless));
    expect(error.code).toBe('HEAD_MISSING');
    expect(error.message).not.toContain('0.15.0');
    for (const task_type of ['FEATURE_EXTRACTION', null])
      expect((await loaded(edited(headless, configName, { task_type }))).method.type).toBe('TOY');
  });

  it('refuses a head on a host whose classifier is another one', async () => {
    const error = await peftErrorOf(async () => loaded(await bare(), {}, robertaHost));
    expect(error.code).toBe('HEAD_UNSUPPORTED');
    expect(error.message).toMatch(/"base_model\.model\.classifier\.\w+".*classifier\.out_proj\.weight/);
  });

  it('does not pass a midpoint off as the simplex', async () => {
    const files = without(await saved(pair(method)), 'tfjs_peft.json');
    expect((await peftErrorOf(() => loaded(files, { unfolded: true }))).code).toBe('ADAPTER_FILE_MISSING');
    expect((await warningsOf(files)).warnings).toEqual([expect.stringContaining('vertices.safetensors')]);
  });

  it('needs a registry that knows the method', async () => {
    const error = await peftErrorOf(async () => loadAdapter(await bare(), toyTensors(), createRegistry()));
    expect(error.code).toBe('UNKNOWN_PEFT_TYPE');
  });
});

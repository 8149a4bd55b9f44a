import { describe, expect, it } from '@jest/globals';
import { growthOfTime, linearGrowth } from '../../../../tools/jest/growth-of-time.js';
import { peftErrorOf } from '../../test/bad-files.js';
import { bytesOfText, edited, jsonOf, loaded, retensored, saved, valuesOf, without } from '../../test/toy-adapters.js';
import { toy, toyRegistry } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { isPeftError } from '../errors.js';
import { head } from '../head.js';
import { writeSafetensors } from '../safetensors/write-safetensors.js';
import { inspectAdapter } from './inspect-adapter.js';

/** Files made to stop, fill or mislead whoever opens them; each must come to an end, in an error with a name or in the adapter. */
const method = compose(toy(), head({ labels: ['ham', 'spam'], readout: 'pooler' }));
const configName = 'adapter_config.json';
const foreign = async () => without(await saved(method), 'tfjs_peft.json');
const target = async (target_modules: unknown) => edited(await foreign(), configName, { target_modules });

describe('targets from a stranger', () => {
  it.each([
    ['nested repeats', '(.*)*x'],
    ['nested groups', '((((\\w+)+)+)+)+!'],
    ['alternatives of the same', '(a|a|[a-z]|\\w|\\.)*x'],
    ['a row of repeats', `${'.*'.repeat(200)}x`],
  ])('that RegExp would try for years: %s', async (_, pattern) => {
    expect((await peftErrorOf(async () => loaded(await target(pattern)))).code).toBe('TARGET_UNMATCHED');
    const files = await saved(method);
    const record = jsonOf(files, 'tfjs_peft.json') as { method: { parts: { config: object }[] } };
    Object.assign(record.method.parts[0]!.config, { targets: pattern });
    expect(
      (await peftErrorOf(() => loaded(edited(files, 'tfjs_peft.json', { ...record, checksum: undefined })))).code,
    ).toBe('TARGET_UNMATCHED');
  });

  it.each([
    ['that grow beyond measure', '((\\w{999}){999}){999}', 'TARGET_PATTERN_TOO_LARGE'],
    ['that are no pattern', '(', 'TARGET_PATTERN_INVALID'],
  ])('%s', async (_, pattern, code) => {
    expect((await peftErrorOf(async () => loaded(await target(pattern)))).code).toBe(code);
  });

  it('that are a good pattern still load', async () => {
    expect((await loaded(await target('.*\\.(query|quary)'))).effective).toEqual(await valuesOf(method));
  });

  it('in a list of many thousands', async () => {
    const many = Array.from({ length: 5e4 }, (_, i) => `target${i}`);
    const error = await peftErrorOf(async () => loaded(await target(many)));
    expect(error.code).toBe('TARGET_UNMATCHED');
    expect(error.message.length).toBeLessThan(1000);
    expect((await loaded(await target(new Array(4e4).fill('query')))).effective).toEqual(await valuesOf(method));
  });
});

describe('names from a stranger', () => {
  it.each(['parts/../../../etc/passwd', 'C:/x', '\\\\server\\x', `${'../'.repeat(1e4)}x`, 'a/\u0000', 'a\r\nb'])(
    'of a file: %j',
    async (name) => {
      const files = new Map(await foreign()).set(name.slice(0, 3e4), new Uint8Array(1));
      for (const run of [() => loaded(files), () => inspectAdapter(files)]) {
        const error = await peftErrorOf(run);
        expect(error.code).toBe('FILE_NAME_UNSAFE');
        expect(error.message.length).toBeLessThan(2000);
      }
    },
  );

  it('of a subfolder in the options', async () => {
    for (const folder of ['../..', '/', '.', '', '__proto__'])
      expect((await peftErrorOf(async () => loaded(await foreign(), { folder }))).code).toBe('ADAPTER_FILE_MISSING');
  });

  it('of a tensor', async () => {
    for (const name of [
      'constructor',
      'toString',
      'x'.repeat(1e5),
      `${'layer.1.'.repeat(1e4)}weight`,
      '.',
      'default.default',
    ]) {
      const files = await retensored(await foreign(), (tensors) =>
        tensors.set(name, { shape: [1], data: new Float32Array(1) }),
      );
      const error = await peftErrorOf(() => loaded(files));
      expect(error.code).toBe('TENSOR_UNEXPECTED');
      expect(error.message.length).toBeLessThan(2000);
      expect((await inspectAdapter(files)).coverage.length).toBeGreaterThan(0);
    }
  });

  it('of tensors that a pattern could look at for ever', async () => {
    const work = async (times: number) => {
      for (const name of [
        `${'.layer.1.\n'.repeat(times)}.bias`,
        `${'layers.1.'.repeat(times)}\n`,
        `${'heads.a'.repeat(times)}.`,
      ]) {
        const files = edited(
          await retensored(await foreign(), (tensors) => tensors.set(name, { shape: [1], data: new Float32Array(1) })),
          configName,
          { peft_type: 'LORA', bias: 'none' },
        );
        expect((await inspectAdapter(files)).coverage.length).toBeGreaterThan(0);
      }
    };
    expect(await growthOfTime(work, 40_000)).toBeLessThan(linearGrowth);
  });

  it('of a method', async () => {
    for (const peft_type of ['constructor', '__proto__', 'x'.repeat(1e5), ['TOY'], {}, 1]) {
      const error = await peftErrorOf(async () => loaded(edited(await foreign(), configName, { peft_type })));
      expect(error.code).toBe('UNKNOWN_PEFT_TYPE');
      expect(error.message.length).toBeLessThan(500);
    }
  });
});

describe('a configuration from a stranger', () => {
  it('with values that cannot become text', async () => {
    const nasty = { toString: 1 };
    for (const changes of [
      { modules_to_save: [nasty] },
      { peft_type: nasty },
      { task_type: nasty },
      { peft_version: nasty },
      { rank_pattern: nasty },
      { bias: nasty },
      { auto_mapping: { base_model_class: nasty } },
    ]) {
      const files = edited(await foreign(), configName, changes);
      for (const run of [() => loaded(files), () => inspectAdapter(files, { registry: toyRegistry })])
        await run().catch((error: unknown) => expect(isPeftError(error)).toBe(true));
    }
    const bad = edited(await foreign(), configName, { peft_type: nasty });
    expect((await peftErrorOf(() => inspectAdapter(bad))).code).toBe('CONFIG_INVALID');
  });

  it('with thousands of unknown entries gives a few warnings', async () => {
    const read = async (count: number) => {
      const many = Object.fromEntries(Array.from({ length: count }, (_, i) => [`unknown_${i}`, i]));
      const warnings: string[] = [];
      const { extraConfig } = await loaded(edited(await foreign(), configName, many), {
        onWarning: (text) => void warnings.push(text),
      });
      return { extraConfig, warnings };
    };
    const { extraConfig, warnings } = await read(20_000);
    expect(Object.keys(extraConfig)).toHaveLength(20_000);
    expect(warnings).toHaveLength(9);
    expect(warnings.at(-1)).toContain('19992 more');
    expect(await growthOfTime(read, 20_000)).toBeLessThan(linearGrowth);
    expect(warnings.join('').length).toBeLessThan(5000);
  });

  it('of AdapterHub with a long list of labels', async () => {
    const work = async (count: number) => {
      const label2id = Object.fromEntries(Array.from({ length: count }, (_, i) => [`label ${i}`, i]));
      const head = { name: 'a', config: { head_type: 'classification', layers: 1, label2id } };
      const files = new Map([
        [configName, bytesOfText(JSON.stringify({ name: 'a', config: { architecture: 'toy', targets: ['query'] } }))],
        ['adapter.safetensors', writeSafetensors(new Map())],
        ['model_head.safetensors', writeSafetensors(new Map())],
        ['head_config.json', bytesOfText(JSON.stringify(head))],
      ]);
      await loaded(files).catch((error: unknown) => expect(isPeftError(error)).toBe(true));
    };
    expect(await growthOfTime(work, 20_000)).toBeLessThan(linearGrowth);
  });

  it('that says it is AdapterHub and holds a union of unions', async () => {
    let config: object = { architecture: 'toy' };
    for (let depth = 0; depth < 8; depth++) config = { architecture: 'union', configs: [config] };
    const files = new Map([
      [configName, bytesOfText(JSON.stringify({ name: 'a', config }))],
      ['adapter.safetensors', (await foreign()).get('adapter_model.safetensors')!],
    ]);
    expect((await peftErrorOf(() => loaded(files))).code).toBe('ADAPTER_HUB_UNSUPPORTED');
    expect((await inspectAdapter(files)).method).toBe('union');
  });

  it('that is both of AdapterHub and of HF peft is of HF peft, and its other half is kept', async () => {
    const both = edited(await foreign(), configName, { config: { architecture: 'toy' } });
    expect((await loaded(both)).report).toMatchObject({ writtenBy: 'hf-peft', ignoredEntries: ['config'] });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  type AdapterFiles,
  compose,
  composeDefinition,
  createRegistry,
  head,
  headDefinition,
  type Host,
  isPeftError,
  loadAdapter,
  runAdapter,
  saveAdapter,
  openSafetensors,
  bytesSource,
} from '@tfjs-peft/peft-core';
import { type JsonObject, type WritableTensor, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { growthOfTime, linearGrowth } from '../../../tools/jest/growth-of-time.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { largest, randomValues, smallHost, someInputs } from '../test/small-host.js';
import { type LoraConfig } from './config.js';
import { readHfLoraConfig } from './hf-config.js';
import { lora, loraDefinition } from './lora.js';

useTestBackend();

const registry = createRegistry(loraDefinition, headDefinition, composeDefinition);
const configName = 'adapter_config.json';
const tensorsName = 'adapter_model.safetensors';
const query0 = 'base_model.model.bert.encoder.layer.0.attention.self.query';
type Options = NonNullable<Parameters<typeof lora>[0]>;

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const adapterWith = (config: Options): Adapter => {
  const method = compose(lora(config), head({ labels: ['a', 'b'], readout: 'pooler' }));
  return { method, effective: randomValues(method, host.spec), hostFingerprint: host.spec.fingerprint };
};
const jsonOf = (files: AdapterFiles): JsonObject => JSON.parse(new TextDecoder().decode(files.get(configName)));
const withConfig = (files: AdapterFiles, config: JsonObject) =>
  new Map(files).set(configName, new TextEncoder().encode(JSON.stringify(config)));
/** The folder as HF peft would have written it, without our record. */
const hfFolder = async (config: Options, changes: JsonObject = {}): Promise<Map<string, Uint8Array>> => {
  const files = await saveAdapter(adapterWith(config), host);
  return new Map(
    [...withConfig(files, { ...jsonOf(files), ...changes })].filter(([name]) => name !== 'tfjs_peft.json'),
  );
};
async function retensored(files: AdapterFiles, rename: (name: string) => string | string[]) {
  const source = await openSafetensors(bytesSource(tensorsName, files.get(tensorsName)!));
  const tensors = new Map<string, WritableTensor>();
  for (const [name, { shape }] of source.tensors)
    for (const renamed of [rename(name)].flat()) tensors.set(renamed, { shape, data: await source.readFloat32(name) });
  return new Map(files).set(tensorsName, writeSafetensors(tensors));
}
const load = (files: AdapterFiles) => loadAdapter(files, host, registry);
const codeOf = (files: AdapterFiles) =>
  load(files).then(
    () => 'no error',
    (error) => (isPeftError(error) ? error.code : String(error)),
  );
const loraOf = (adapter: Adapter) => (adapter.method.parts?.[0] ?? adapter.method).config as LoraConfig;
const logits = (adapter: Adapter) => runAdapter(host, adapter, someInputs()).logits!;

describe('files of lora', () => {
  it.each<[string, Options]>([
    ['the usual', {}],
    [
      'patterns',
      {
        targets: ['dense', 'query'],
        exclude: ['pooler.dense'],
        rankPattern: { 'layer.0.attention.self.query': 2 },
        alphaPattern: { 'output.dense': 3 },
        rsLora: true,
      },
    ],
    ['an expression', { targets: '.*attention\\.self\\.(query|key)', loraBias: true }],
    ['layers', { layers: [1], dora: true }],
    ['tables', { targets: ['word_embeddings', 'value'] }],
    ['biases of targets', { bias: 'lora_only', initialisation: 'random' }],
    ['all biases', { bias: 'all', targets: 'all-linear' }],
    ['an orthogonal start', { initialisation: 'orthogonal', dropout: 0.1 }],
  ])('with %s come back from both folders, and are written again to the bit', async (_, config) => {
    const adapter = adapterWith(config);
    const files = await saveAdapter(adapter, host);
    const bare = new Map([...files].filter(([name]) => name !== 'tfjs_peft.json'));
    for (const folder of [files, bare]) {
      const loaded = await load(folder);
      expect(await largest(logits(loaded).sub(logits(adapter)))).toBeLessThan(1e-5);
      const again = await saveAdapter(loaded, host, { extraConfig: loaded.extraConfig });
      expect(Buffer.from(again.get(tensorsName)!).equals(Buffer.from(files.get(tensorsName)!))).toBe(true);
      expect(jsonOf(again)).toEqual(jsonOf(files));
    }
  });

  it('keep the spelling of targets that HF peft understands the same, and write whole paths otherwise', async () => {
    const spelled = async (config: Options) => {
      const { target_modules, layers_to_transform, exclude_modules } = jsonOf(
        await saveAdapter(adapterWith(config), host),
      );
      return { target_modules, layers_to_transform, exclude_modules };
    };
    const free = { layers_to_transform: null, exclude_modules: null };
    expect(await spelled({})).toEqual({ ...free, target_modules: ['query', 'value'] });
    expect(await spelled({ targets: '.*query' })).toEqual({ ...free, target_modules: '.*query' });
    expect(await spelled({ targets: ['value', 'attention.self.key'], layers: 0 })).toEqual({
      ...free,
      layers_to_transform: 0,
      target_modules: ['attention.self.key', 'value'],
    });
    // Without the encoder's own name, with an index of layers, or hitting modules that HF peft cannot adapt: HF peft would not do the same.
    const whole = { ...free, target_modules: [query0.slice('base_model.model.'.length)] };
    expect(await spelled({ targets: 'encoder\\.layer\\.0.*query' })).toEqual(whole);
    expect(await spelled({ targets: '.*query', layers: [0] })).toEqual(whole);
    expect(await spelled({ targets: '.*layer\\.0\\.attention.*', exclude: ['key', 'value', 'dense'] })).toEqual(whole);
    const all = await spelled({ targets: 'all-linear' });
    expect(all.target_modules).toHaveLength(13);
    expect(all.target_modules).toContain('bert.pooler.dense');
  });

  it('read the minimal configuration with the defaults of HF peft', async () => {
    const files = await hfFolder({ rank: 8 });
    const minimal = withConfig(files, { peft_type: 'LORA', target_modules: ['query', 'value'] });
    const loaded = await load(minimal);
    expect(loraOf(loaded)).toMatchObject({ rank: 8, alpha: 8, targets: ['query', 'value'], bias: 'none' });
    expect(loraOf(await load(withConfig(files, { peft_type: 'LORA' })))).toMatchObject({ targets: null });
    expect(await largest(logits(loaded).sub(logits(await load(files))))).toBe(0);
  });

  it('leave out exclusions without effect', () => {
    const read = (exclude: string | string[]) =>
      readHfLoraConfig({ peft_type: 'LORA', exclude_modules: exclude }, host.spec).exclude;
    expect(read(['lm_head', 'value', 'classifier'])).toEqual(['value']);
    expect(read('.*classifier.*')).toBe(null);
    expect(read('.*value')).toBe('.*value');
  });

  it('read the names of earlier and of other writers', async () => {
    const files = await hfFolder({ bias: 'lora_only', dora: true });
    const expected = logits(await load(files));
    for (const rename of [
      (name: string) => name.replace('.base_layer.bias', '.bias'),
      (name: string) => name.replace('base_model.model.', ''),
      (name: string) => name.replace('base_model.model.bert.', 'base_model.model.'),
      (name: string) => name.replace('lora_A.weight', 'lora_A.default.weight'),
      (name: string) => name.replace('lora_magnitude_vector', 'lora_magnitude_vector.weight'),
    ])
      expect(await largest(logits(await load(await retensored(files, rename))).sub(expected))).toBe(0);
    const all = await hfFolder({ bias: 'all' });
    const head = 'base_model.model.classifier.bias';
    const copies = (name: string) =>
      name === head
        ? [name, ...['modules_to_save', 'original_module'].map((copy) => head.replace('bias', `${copy}.bias`))]
        : name;
    expect(await largest(logits(await load(await retensored(all, copies))).sub(logits(await load(all))))).toBe(0);
  });
});

describe("a RoBERTa checkpoint with a pooler, which HF's classifier does not have", () => {
  it.each<[string, Options, JsonObject]>([
    ['names', { targets: ['dense', 'query'] }, { target_modules: ['dense', 'query'] }],
    ['an expression', { targets: '.*(dense|query)' }, { target_modules: '.*(dense|query)' }],
    ['all biases', { bias: 'all' }, {}],
    ['all-linear', { targets: 'all-linear' }, { target_modules: ['query', 'key', 'value', 'dense', 'out_proj'] }],
  ])('is read without it for %s', async (_, config, changes) => {
    const roberta = await smallHost({ modelType: 'roberta' } as never);
    const method = compose(
      lora({ ...config, pooler: false }),
      head({ labels: ['a', 'b'], hidden: 'tanh', readout: 'cls' }),
    );
    const adapter = {
      method,
      effective: randomValues(method, roberta.spec),
      hostFingerprint: roberta.spec.fingerprint,
    };
    expect(roberta.spec.sites.some(({ path }) => path === 'pooler.dense')).toBe(true);
    const files = await saveAdapter(adapter, roberta);
    const bare = withConfig(files, { ...jsonOf(files), ...changes });
    const loaded = await loadAdapter(
      new Map([...bare].filter(([name]) => name !== 'tfjs_peft.json')),
      roberta,
      registry,
    );
    expect([...loaded.effective.keys()].sort()).toEqual([...adapter.effective.keys()].sort());
    expect([...loaded.effective.keys()].some((name) => name.includes('pooler'))).toBe(false);
    const again = await saveAdapter(loaded, roberta, { extraConfig: loaded.extraConfig });
    expect(again.get(tensorsName)).toEqual(files.get(tensorsName));
    roberta.dispose();
  });
});

describe('patterns from a stranger', () => {
  const slow = (i: number) => `(?:.|${'.?'.repeat(60 + i)}x)*layer.${i % 2}.attention.self.query(?:)`;

  it.each<[string, JsonObject]>([
    ['hundreds of ranks', { rank_pattern: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [slow(i), 8])) }],
    ['look-aheads', { target_modules: `${'(?=(?:.?.?.?.?)*q)'.repeat(150)}.*query` }],
    ['look-aheads for layers', { layers_to_transform: [0], layers_pattern: [`(?=(.*)*)${'(?=.*)'.repeat(300)}layer`] }],
    ['an endless list of targets', { target_modules: Array.from({ length: 70_000 }, (_, i) => `q${i}`) }],
  ])('of %s come to an end', async (_, changes) => {
    const files = await hfFolder({}, changes);
    expect(await codeOf(files)).toMatch(/^(no error|TARGET\w+|TENSOR_\w+|JSON_TOO_LARGE)$/);
  });

  it.each(['target_modules', 'exclude_modules'])('in %s take time that grows with their number', async (key) => {
    const work = async (count: number) =>
      codeOf(await hfFolder({}, { [key]: Array.from({ length: count }, (_, i) => `query${i}`) }));
    expect(await growthOfTime(work, 60_000)).toBeLessThan(linearGrowth);
  });
});

describe('files that lora refuses', () => {
  it('for weights without modules says so, and names the entry', async () => {
    const files = await hfFolder({}, { target_modules: [], target_parameters: ['encoder.layer.0.weight'] });
    const error = await load(files).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_KEY_UNSUPPORTED' });
    expect(String(error)).toContain('target_parameters');
    expect(await codeOf(await hfFolder({}, { target_modules: ['classifier'] }))).toBe('TARGET_UNSUPPORTED');
  });

  it.each<[string, JsonObject]>([
    ['pissa', { init_lora_weights: 'pissa' }],
    ['pissa, iterated', { init_lora_weights: 'pissa_niter_16' }],
    ['olora', { init_lora_weights: 'olora' }],
    ['corda', { init_lora_weights: 'corda' }],
    ['lora_ga', { init_lora_weights: 'lora_ga' }],
    ['loftq', { init_lora_weights: 'loftq', loftq_config: { loftq_bits: 4 } }],
    ['an unknown start', { init_lora_weights: 'mica' }],
    ['target_parameters', { target_parameters: ['experts.weight'] }],
    ['layer_replication', { layer_replication: [[0, 2]] }],
    ['fan_in_fan_out', { fan_in_fan_out: true }],
    ['velora', { velora_config: { num_groups: 4 } }],
    ['kasa', { kasa_config: { beta: 0.1 } }],
    ['monteclora', { monteclora_config: { num_samples: 8 } }],
    ['arrow', { arrow_config: { top_k: 2 } }],
    ['bdlora', { use_bdlora: { nblocks: 2 } }],
    ['qalora', { use_qalora: true }],
    ['alora', { alora_invocation_tokens: [5] }],
    ['tied weights', { ensure_weight_tying: true }],
  ])('for %s', async (_, changes) => expect(await codeOf(await hfFolder({}, changes))).toBe('CONFIG_KEY_UNSUPPORTED'));

  it('with a way out that works: LoftQ has no conversion', async () => {
    const wayOut = async (start: string) => {
      const error = await load(await hfFolder({}, { init_lora_weights: start })).catch((thrown: unknown) => thrown);
      expect(isPeftError(error) && error.text.fix).toContain('merge_and_unload');
      return isPeftError(error) ? error.text.fix : '';
    };
    expect(await wayOut('pissa')).toContain('writes a plain LoRA');
    expect(await wayOut('loftq')).toContain('gives other outputs for LoftQ');
  });

  it('but not for starts that leave the host alone', async () => {
    for (const [start, initialisation] of [
      ['gaussian', 'gaussian'],
      ['orthogonal', 'orthogonal'],
      ['eva', 'kaiming'],
      [false, 'random'],
    ] as const)
      expect(loraOf(await load(await hfFolder({}, { init_lora_weights: start }))).initialisation).toBe(initialisation);
  });

  it.each<[string, Options, JsonObject, string]>([
    ['DoRA on a table', { targets: ['word_embeddings'] }, { use_dora: true }, 'TARGET_UNSUPPORTED'],
    ['lora_bias with DoRA', {}, { use_dora: true, lora_bias: true }, 'CONFIG_INVALID'],
    ['a rank that is none', {}, { r: 0 }, 'CONFIG_INVALID'],
    ['targets of another architecture', {}, { target_modules: ['q_lin'] }, 'TARGET_UNMATCHED'],
    ['another rank', {}, { r: 4 }, 'TENSOR_MISSHAPEN'],
    ['a forgotten magnitude', {}, { use_dora: true }, 'TENSOR_MISSING'],
    ['a bias that the configuration denies', { bias: 'lora_only' }, { bias: 'none' }, 'TENSOR_UNEXPECTED'],
  ])('%s', async (_, config, changes, code) => expect(await codeOf(await hfFolder(config, changes))).toBe(code));

  it('missing tensors and wrong paths', async () => {
    const files = await hfFolder({});
    expect(
      await codeOf(
        await retensored(files, (name) => (name.includes('layer.1.attention.self.value.lora_B') ? [] : name)),
      ),
    ).toBe('TENSOR_MISSING');
    expect(await codeOf(await retensored(files, (name) => name.replace('encoder.layer', 'decoder.layer')))).toBe(
      'TENSOR_MISSING',
    );
  });
});

describe('entries that HF peft takes as they are', () => {
  it.each([
    ['names of other architectures', { target_modules: ['q_proj', 'query', 'v_proj', 'value'] }],
    ['layers that the host lacks', { layers_to_transform: [0, 1, 7] }],
    ['patterns that fit nothing', { rank_pattern: { q_proj: 4 }, alpha_pattern: { 'layer.9': 2 } }],
  ])('%s are left out while others fit', async (_, changes) => {
    expect(await codeOf(await hfFolder({}, changes))).toBe('no error');
  });

  it.each([0, -4])('alpha %d is a factor like any other', async (lora_alpha) => {
    expect(await codeOf(await hfFolder({}, { lora_alpha }))).toBe('no error');
  });
});

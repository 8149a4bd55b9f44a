import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../../test/bad-files.js';
import {
  edited,
  jsonOf,
  loaded,
  randomAdapter,
  retensored,
  saved,
  valuesOf,
  without,
} from '../../test/toy-adapters.js';
import { toyTensors } from '../../test/toy-host.js';
import { toy } from '../../test/toy-methods.js';
import { compose } from '../compose.js';
import { head } from '../head.js';
import { bytesSource } from '../safetensors/byte-source.js';
import { openSafetensors } from '../safetensors/open-safetensors.js';
import type { AdapterFiles } from './adapter-files.js';
import { isBareEncoder } from './base-class.js';
import { saveAdapter } from './save-adapter.js';

const configName = 'adapter_config.json';
const namesIn = async (files: AdapterFiles) => [
  ...(await openSafetensors(bytesSource('a', files.get('adapter_model.safetensors')!))).tensors.keys(),
];
/** As `get_peft_model(BertModel, …)` writes it: names begin below the base model, the task is none of a classifier's. */
const encoderFolder = async (changes: Record<string, unknown>) => {
  const files = edited(without(await saved(toy()), 'tfjs_peft.json'), configName, changes);
  return retensored(files, (tensors) => {
    for (const [name, tensor] of [...tensors]) {
      tensors.delete(name);
      tensors.set(name.replace('base_model.model.bert.', 'base_model.model.'), tensor);
    }
  });
};
const featureExtraction = { task_type: 'FEATURE_EXTRACTION', auto_mapping: null };
const untasked = { task_type: null, auto_mapping: { base_model_class: 'BertModel', parent_library: 'transformers' } };

describe('an adapter of HF peft around an encoder alone', () => {
  it.each([
    ['FEATURE_EXTRACTION', featureExtraction],
    ['no task', untasked],
  ])('with %s is saved again as it was', async (_, changes) => {
    const files = await encoderFolder(changes);
    const { extraConfig, effective, report } = await loaded(files);
    expect(report.ignoredEntries).toEqual([]);
    expect(effective).toEqual(await valuesOf(toy()));
    const again = await saveAdapter(randomAdapter(toy()), toyTensors(), { extraConfig });
    expect(await namesIn(again)).toEqual(await namesIn(files));
    expect(jsonOf(again, configName)).toMatchObject({ ...changes, modules_to_save: null });
    expect(jsonOf(again, 'tfjs_peft.json')).toMatchObject({ differences: [] });
    // And once more from our own folder, whose record knows nothing of the class.
    const own = await loaded(again);
    expect(own.effective).toEqual(effective);
    const third = await saveAdapter(randomAdapter(toy()), toyTensors(), { extraConfig: own.extraConfig });
    expect(jsonOf(third, configName)).toEqual(jsonOf(again, configName));
    expect(await namesIn(third)).toEqual(await namesIn(files));
  });

  it('is a classifier once it has a head', async () => {
    const { extraConfig } = await loaded(await encoderFolder(featureExtraction));
    const method = compose(toy(), head({ labels: ['a', 'b'] }));
    const files = await saveAdapter(randomAdapter(method), toyTensors(), { extraConfig });
    expect(jsonOf(files, configName)).toMatchObject({ task_type: 'SEQ_CLS', auto_mapping: null });
    expect((await namesIn(files)).some((name) => name.startsWith('base_model.model.bert.'))).toBe(true);
  });
});

describe('an adapter without a task', () => {
  const folderOf = async (base_model_class: string | null, bare: boolean) => {
    const auto_mapping = base_model_class === null ? null : { base_model_class, parent_library: 'transformers' };
    const changes = { task_type: null, auto_mapping, modules_to_save: null };
    return bare ? encoderFolder(changes) : edited(without(await saved(toy()), 'tfjs_peft.json'), configName, changes);
  };
  const bareClasses = [
    ...[
      'BertModel',
      'RobertaModel',
      'XLMRobertaModel',
      'DistilBertModel',
      'ElectraModel',
      'MPNetModel',
      'ModernBertModel',
    ],
    ...['DebertaModel', 'DebertaV2Model', 'GPT2Model', 'LlamaModel', 'MistralModel', 'Qwen2Model', 'Qwen3Model'],
  ];
  const others = [
    ...['BertForMaskedLM', 'BertLMHeadModel', 'DebertaV2ForMaskedLM', 'RobertaForSequenceClassification'],
    ...['GPT2LMHeadModel', 'GPT2DoubleHeadsModel', 'OpenAIGPTLMHeadModel', 'XLNetLMHeadModel'],
  ];

  it.each([
    ...bareClasses.map((name) => [name, true] as const),
    ...others.map((name) => [name, false] as const),
    // What the class does not say, or says otherwise, the names do.
    ...[null, 'SentenceTransformer', 'MyLMHeadModel'].map((name) => [name, true] as const),
    ...[null, 'MyModel'].map((name) => [name, false] as const),
  ])('around %s (bare names: %s) is written under the names that were read', async (name, bare) => {
    const files = await folderOf(name, bare);
    const { extraConfig, report } = await loaded(files);
    expect(isBareEncoder(extraConfig)).toBe(bare);
    expect(report.ignoredEntries).toEqual([]);
    const again = await saveAdapter(randomAdapter(toy()), toyTensors(), { extraConfig });
    expect(await namesIn(again)).toEqual(await namesIn(files));
    expect(jsonOf(again, configName)).toEqual(jsonOf(files, configName));
    const own = await loaded(again);
    const third = await saveAdapter(randomAdapter(toy()), toyTensors(), { extraConfig: own.extraConfig });
    expect(await namesIn(third)).toEqual(await namesIn(files));
  });

  it.each([...bareClasses, ...others])('around %s is known by its class where no names tell', (base_model_class) =>
    expect(isBareEncoder({ auto_mapping: { base_model_class } })).toBe(bareClasses.includes(base_model_class)),
  );

  it('keeps nothing of a key that only a load may set', async () => {
    const files = edited(await folderOf('BertModel', true), configName, { bare_names: false });
    expect(isBareEncoder((await loaded(files)).extraConfig)).toBe(true);
  });
});

describe('an adapter for another head', () => {
  it.each(['BertForNextSentencePrediction', 'BertForCausalLM', 'ViTForImageClassification'])(
    'of %s is refused',
    async (base_model_class) => {
      const files = edited(without(await saved(toy()), 'tfjs_peft.json'), configName, {
        task_type: null,
        auto_mapping: { base_model_class, parent_library: 'transformers.models' },
      });
      const error = await peftErrorOf(() => loaded(files));
      expect(error.code).toBe('TASK_UNSUPPORTED');
      expect(error.message).toContain(base_model_class);
    },
  );

  it.each(['BertForSequenceClassification', 'BertForMaskedLM', 'BertModel'])('of %s is not', async (name) => {
    const files = edited(without(await saved(toy()), 'tfjs_peft.json'), configName, {
      task_type: null,
      auto_mapping: { base_model_class: name },
    });
    expect((await loaded(files)).effective).toEqual(await valuesOf(toy()));
  });
});

describe('methods of HF peft that are not read here', () => {
  it.each(['LOHA', 'VBLORA', 'ADALORA', 'OFT', 'XLORA', 'C3A', 'TRAINABLE_TOKENS'])(
    '%s is no slip',
    async (peft_type) => {
      const files = edited(without(await saved(toy()), 'tfjs_peft.json'), configName, { peft_type });
      const error = await peftErrorOf(() => loaded(files));
      expect(error.code).toBe('UNKNOWN_PEFT_TYPE');
      expect(error.message).not.toMatch(/did you mean|registry/);
    },
  );

  it('a folder without vertices is loaded unfolded as it is', async () => {
    const files = edited(without(await saved(toy()), 'tfjs_peft.json'), configName, { task_type: null });
    expect((await loaded(files, { unfolded: true })).effective).toEqual(await valuesOf(toy()));
  });
});

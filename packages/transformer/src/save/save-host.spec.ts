import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import {
  type Adapter,
  compose,
  createStream,
  head,
  type HeadConfig,
  initialValues,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { type JsonObject } from '@tfjs-peft/peft-core/files';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, minilmFolder, someInputs } from '../../test/test-hosts.js';
import { temporaryFolder, tinyModel, writeFiles } from '../../test/tiny-model.js';
import type { ModelType } from '../architecture/family.js';
import { createRandomHost, tinyHostConfig } from '../encoder/create-random-host.js';
import type { EncoderHost } from '../encoder/create-host.js';
import { loadClassifier } from '../load/load-classifier.js';
import { loadHost } from '../load/load-host.js';
import { readCompanionFiles } from './companion-files.js';
import { saveHost } from './save-host.js';

useTestBackend();

const sizes = { vocabSize: 31_000, hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24 };
const labels = ['a', 'b', 'c'];

function headOn(host: EncoderHost, options: Partial<HeadConfig>): Adapter {
  const method = head({ labels, initialStandardDeviation: 0.3, ...options });
  const effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  return { method, effective, hostFingerprint: host.spec.fingerprint };
}

/** What was saved, with a tokenizer beside it, as a folder. */
async function write(files: ReadonlyMap<string, Uint8Array>, modelType: ModelType): Promise<string> {
  const { tokenizerJson = JSON.parse(await readFile(new URL('tokenizer.json', minilmFolder), 'utf8')) } =
    modelType === 'roberta'
      ? JSON.parse(await readFile(new URL('../../goldens/tokenizer-roberta.json', import.meta.url), 'utf8'))
      : {};
  const tokenizer = { 'tokenizer.json': JSON.stringify(tokenizerJson) };
  return writeFiles(await temporaryFolder(), { ...Object.fromEntries(files), ...tokenizer });
}

const configOf = (files: ReadonlyMap<string, Uint8Array>): JsonObject =>
  JSON.parse(new TextDecoder().decode(files.get('config.json')!)) as JsonObject;

const withClassifier: readonly (readonly [string, ModelType, Partial<HeadConfig>])[] = [
  ['the pooler of a BERT', 'bert', { readout: 'pooler' }],
  ['a dense layer in place of the pooler of a BERT', 'bert', { readout: 'cls', hidden: 'tanh' }],
  ['the dense layer of a RoBERTa', 'roberta', { readout: 'cls', hidden: 'tanh' }],
  ['the pooler of a RoBERTa, as its dense layer', 'roberta', { readout: 'pooler' }],
  ['the dense layer of a DistilBERT', 'distilbert', { readout: 'cls', hidden: 'relu' }],
];

describe('saveHost', () => {
  it.each(withClassifier)('gives back a classifier on %s', async (_name, modelType, options) => {
    const host = await createRandomHost({ modelType, ...sizes });
    const made = headOn(host, options);
    const files = await saveHost(host, { config: tinyHostConfig({ modelType, ...sizes }), head: made });
    const again = await loadClassifier(await write(files, modelType));
    expect(again.classifier).toMatchObject({ labels, multiLabel: false });
    const inputs = someInputs(3, 7, 100, host.spec.padTokenId);
    const [before, after] = [runAdapter(host, made, inputs), runAdapter(again.host, again.head, inputs)];
    expect(await maxDifference(before.logits!, after.logits!)).toBeLessThan(1e-6);
    again.host.dispose();
    host.dispose();
  });

  it('gives back an encoder to the bit, under the names of its own class', async () => {
    const host = await createRandomHost(sizes);
    const config = { ...tinyHostConfig(sizes), num_labels: 7, torch_dtype: 'float16', initializer_range: 0.02 };
    const files = await saveHost(host, { config });
    expect(configOf(files)).toEqual({
      ...tinyHostConfig(sizes),
      initializer_range: 0.02,
      architectures: ['BertModel'],
      dtype: 'float32',
    });
    const again = await loadHost(await write(files, 'bert'));
    expect(again.host.spec.fingerprint).toBe(host.spec.fingerprint);
    await expect(loadClassifier(await write(files, 'bert'))).rejects.toMatchObject({ code: 'HEAD_MISSING' });
    again.host.dispose();
    host.dispose();
  });

  it('says what kind of labels they are', async () => {
    const host = await createRandomHost(sizes);
    const problemOf = async (options: Partial<HeadConfig>, multiLabel = false) =>
      configOf(await saveHost(host, { config: {}, head: headOn(host, { readout: 'pooler', ...options }), multiLabel }))
        .problem_type;
    expect(await problemOf({})).toBe('single_label_classification');
    expect(await problemOf({}, true)).toBe('multi_label_classification');
    expect(await problemOf({ labels: ['score'] })).toBe('regression');
    host.dispose();
  });

  it.each<[ModelType, Partial<HeadConfig>, RegExp]>([
    ['bert', { readout: 'mean' }, /readout "pooler" \(--set model.readout=pooler\)/],
    ['bert', { readout: 'cls' }, /readout "pooler"/],
    ['bert', { readout: 'pooler', hidden: 'tanh' }, /readout "pooler"/],
    ['roberta', { readout: 'cls', hidden: 'relu' }, /ONNX/],
    ['distilbert', { readout: 'cls' }, /readout "cls" and hidden "relu"/],
  ])('refuses a head that HF has not on %s: %j', async (modelType, options, fix) => {
    const host = await createRandomHost({ modelType, ...sizes });
    const saving = saveHost(host, { config: {}, head: headOn(host, options) });
    await expect(saving).rejects.toMatchObject({ code: 'HEAD_NOT_IN_HF', text: { fix: expect.stringMatching(fix) } });
    const whole = { ...headOn(host, {}), method: compose(head({ labels })) };
    await expect(saveHost(host, { config: {}, head: whole })).rejects.toMatchObject({ code: 'NOT_A_HEAD' });
    host.dispose();
  });
});

describe('readCompanionFiles', () => {
  it('takes the files of the tokenizer, and of the pooling if asked, and writes where texts are cut', async () => {
    const pooling = { 'modules.json': '[]', '1_Pooling/config.json': '{}', 'README.md': 'no part of it' };
    const chat = { 'chat_template.jinja': '{{ messages }}', 'generation_config.json': '{}' };
    const talking = await writeFiles(await temporaryFolder(), { ...tinyModel(), ...chat });
    expect([...(await readCompanionFiles(talking)).keys()]).toEqual(expect.arrayContaining(Object.keys(chat)));
    const folder = await writeFiles(await temporaryFolder(), { ...tinyModel(), ...pooling });
    const names = async (options: Parameters<typeof readCompanionFiles>[1]) =>
      [...(await readCompanionFiles(folder, options)).keys()].sort();
    expect(await names({})).toEqual(['tokenizer.json', 'tokenizer_config.json']);
    expect(await names({ pooling: true })).toEqual([
      '1_Pooling/config.json',
      'modules.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const files = await readCompanionFiles(folder, { maxTokens: 17 });
    const config = JSON.parse(new TextDecoder().decode(files.get('tokenizer_config.json'))) as JsonObject;
    expect(config).toEqual({ model_max_length: 17, pad_token: '[PAD]' });
    await expect(readCompanionFiles(await temporaryFolder())).rejects.toMatchObject({ code: 'HOST_TOKENIZER_MISSING' });
  });
});

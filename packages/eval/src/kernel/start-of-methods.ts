import {
  createStream,
  head,
  type HeadMethod,
  initialValues,
  type MethodDescription,
  type NamedArray,
  type NamedArrays,
  PeftError,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import { labelWordHead } from '@tfjs-peft/prompting';
import { fitHead, type LabelledExample, labelledTexts, prepareMethod } from '@tfjs-peft/train';
import { type Catalogue, findPreset } from '../methods/plugins.js';
import { requireLabels } from '../trial/task-data.js';
import { labelWordConfig } from '../trial/prompted-host.js';
import type { Session } from '../trial/session.js';

/** On which texts methods start, and how. */
export interface StartOptions {
  readonly session: Session;
  readonly dataSeed: number;
  /** Of initial values; the data seed if absent. */
  readonly seed?: number;
  readonly batchSize?: number;
}

/** A preset as training would start it, but for its head, which is the fitted one. */
export async function startOf(
  name: string,
  { session, dataSeed, seed = dataSeed, batchSize = 32 }: StartOptions,
  { head: { names: own } }: HeadMethod,
  fitted: ReadonlyMap<string, NamedArray>,
): Promise<{ readonly method: PeftMethod; readonly parameters: NamedArrays }> {
  const { catalogue, host } = session;
  const data = requireLabels(session.data, 'kernels of methods');
  const unprepared = session.build(trainedPreset(catalogue, name));
  const stream = substream(createStream(seed), 'kernel');
  const source = labelledTexts(session.examples(data.split(dataSeed).train), data.objective);
  const method = await prepareMethod(unprepared, { host, source, objective: data.objective, batchSize, stream });
  const heads = headsOf(method);
  if (heads.length !== 1 || heads[0]!.head.hidden !== 'none')
    throw methodUnfit(`method "${name}" with ${heads.length} heads or a dense one`);
  const theirs = heads[0]!.head.names;
  const parameters = initialValues(method.plan(host.spec), stream);
  for (const parameter of [...parameters.keys()]) {
    const plain = parameter.replace(/\.vertex\.\d+\./, '.');
    const part = (['weight', 'bias'] as const).find((which) => theirs[which] === plain);
    if (part) parameters.set(parameter, fitted.get(own[part])!);
  }
  return { method, parameters };
}

/** What a preset trains. Errors: `UNKNOWN_PRESET`, `KERNEL_METHOD_UNFIT`. */
export function trainedPreset(catalogue: Catalogue, name: string): MethodDescription {
  const { method } = findPreset(catalogue, name);
  if (!method) throw methodUnfit(`method "${name}", which trains nothing`);
  return method;
}

const methodUnfit = (found: string) =>
  new PeftError('KERNEL_METHOD_UNFIT', {
    found,
    expected: 'a method that is trained, with a head of one affine map',
    fix: 'choose another preset, or plan it with `gradientGrams`',
  });

/** A head before any training of the host: fitted on frozen features, or the words of a prompt. */
export async function startOfHead(
  { session, batchSize }: StartOptions,
  train: readonly LabelledExample[],
): Promise<{ readonly head: HeadMethod; readonly values: ReadonlyMap<string, NamedArray> }> {
  const { host, readout, labelWords } = session;
  const data = requireLabels(session.data, 'kernels of methods');
  const labels = [...data.labels];
  if (labelWords) {
    const { objective } = data;
    const source = labelledTexts(train, objective);
    const unprepared = labelWordHead(labelWordConfig(labels, labelWords));
    const question = { host, source, objective, batchSize: batchSize ?? 32, stream: createStream(0) };
    const words = (await prepareMethod(unprepared, question)) as HeadMethod;
    return { head: words, values: initialValues(words.plan(host.spec), createStream(0)) };
  }
  const plain = head({ labels, readout });
  const values = await fitHead({
    host,
    head: plain,
    texts: train.map(({ text }) => text),
    labels: train.map(({ label }) => label),
    // Standardised, a feature that hardly varies gets a weight of 1e12, which is all that one sees of the kernel.
    standardise: false,
    batchSize,
  });
  return { head: plain, values };
}

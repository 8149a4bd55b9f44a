import { type Adapter, type ClassifierLayout, PeftError, toParameters } from '@tfjs-peft/peft-core';
import { hostHeadNames, readHostHead } from '@tfjs-peft/peft-core/files';
import { isDecoderType } from '../architecture/decoder-types.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { classifierOf } from '../architecture/encoder.js';
import { decoderClassifier } from '../decoder/host-spec.js';
import { warn } from '../model/warn.js';
import { buildHost, type LoadedHost } from './build-host.js';
import {
  type HostSource,
  type LoadedHostDirectory,
  type LoadHostOptions,
  locateHost,
  openModelDirectory,
} from './load-host.js';
import type { OpenedModel } from './open-model.js';

/** A host with the classifier that its checkpoint holds. */
export interface LoadedClassifier extends LoadedHostDirectory {
  /** The checkpoint's own head. The caller owns its tensors. */
  readonly head: Adapter;
}

/**
 * A sequence classifier as HF transformers or `saveHost` wrote it: the encoder as host and its classifier as a head. Labels are those of
 * `id2label`, else LABEL_0, LABEL_1, … Errors: those of `loadHost`; `HEAD_MISSING` for a checkpoint without a classifier; `TENSOR_MISSHAPEN`;
 * `READOUT_UNAVAILABLE` for a classifier on a pooler that is not there.
 */
export async function loadClassifier(source: HostSource, options: LoadHostOptions = {}): Promise<LoadedClassifier> {
  const { directory, name } = await locateHost(source, options);
  const model = await openModelDirectory(directory, name);
  const classifier = await layoutOf(model, name);
  const own = new Set(hostHeadNames({ classifier }));
  const onIgnored = (names: readonly string[]) => {
    const others = names.filter((found) => !own.has(found));
    if (others.length > 0) (options.onIgnored ?? warnIgnored(name))(others);
  };
  const loaded = await buildHost(model, name, { readout: classifier.readout, ...options, onIgnored });
  try {
    return { ...loaded, directory, head: headOf(loaded, model.location) };
  } catch (error) {
    loaded.host.dispose();
    throw error;
  }
}

/** The form of the classifier that HF has for the model's family. Errors: those of `parseHostConfig`, with the model closed. */
async function layoutOf(model: OpenedModel, name: string): Promise<ClassifierLayout> {
  try {
    if (isDecoderType(model.config['model_type'])) return decoderClassifier;
    return classifierOf(parseHostConfig(model.config, name));
  } catch (error) {
    await model.close();
    throw error;
  }
}

const warnIgnored = (name: string) => (names: readonly string[]) =>
  warn(`Host "${name}": left out ${names.length} tensors of other heads (${names.slice(0, 3).join(', ')}).`);

/** Errors: `HEAD_MISSING`, `TENSOR_MISSHAPEN`. */
function headOf({ host: { spec }, classifier: { tensors, labels } }: LoadedHost, location: string): Adapter {
  const head = tensors && readHostHead(tensors, spec, location, labels);
  if (!head)
    throw new PeftError('HEAD_MISSING', {
      found: `no sequence classifier in ${location}`,
      expected: `the tensors ${hostHeadNames(spec).join(', ')}`,
      fix: 'pass a folder that tfjs-peft merge or HF transformers saved with its classifier',
    });
  const { output } = spec.classifier;
  const [weight, bias] = [tensors.get(`${output}.weight`)!.shape, tensors.get(`${output}.bias`)?.shape];
  const rows = labels?.length ?? weight[0]!;
  if (weight.length !== 2 || weight[0] !== rows || (bias && bias[0] !== rows))
    throw new PeftError('TENSOR_MISSHAPEN', {
      found: `"${output}" of shape [${weight.join(', ')}] in ${location}, ${rows} labels in config.json`,
      expected: 'one row for each label',
      fix: 'take config.json and weights from the same model',
    });
  return { method: head.method, effective: toParameters(head.effective), hostFingerprint: spec.fingerprint };
}

import { type Adapter, head, type NamedArray, PeftError, toParameters } from '@tfjs-peft/peft-core';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { familyOf } from '../architecture/families.js';
import { warn } from '../model/warn.js';
import { buildHost, readHints } from './build-host.js';
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
  const { method, arrays, known } = await readHead(model, name).catch(async (error: unknown) => {
    await model.close();
    throw error;
  });
  const onIgnored = (names: readonly string[]) => {
    const others = names.filter((found) => !known.includes(found));
    if (others.length > 0) (options.onIgnored ?? warnIgnored(name))(others);
  };
  const loaded = await buildHost(model, name, { readout: method.head.readout ?? undefined, ...options, onIgnored });
  const hostFingerprint = loaded.host.spec.fingerprint;
  return { ...loaded, directory, head: { method, effective: toParameters(arrays), hostFingerprint } };
}

const warnIgnored = (name: string) => (names: readonly string[]) =>
  warn(`Host "${name}": left out ${names.length} tensors of other heads (${names.slice(0, 3).join(', ')}).`);

async function readHead({ config, tensors, location }: OpenedModel, name: string) {
  const { classifier, name: family } = familyOf(parseHostConfig(config, name).modelType);
  const read = async (stored: string): Promise<NamedArray> => {
    const entry = tensors.tensors.get(stored);
    if (!entry)
      throw new PeftError('HEAD_MISSING', {
        found: `no tensor "${stored}" in ${location}`,
        expected: `a sequence classifier of ${family}`,
        fix: 'pass a folder that tfjs-peft merge or HF transformers saved with its classifier',
      });
    return { shape: entry.shape, data: await tensors.readFloat32(stored) };
  };
  const weight = await read(`${classifier.output}.weight`);
  const labels = readHints(config).labels ?? Array.from({ length: weight.shape[0]! }, (_, index) => `LABEL_${index}`);
  const method = head({
    labels: [...labels],
    readout: classifier.readout,
    hidden: classifier.hidden?.activation ?? 'none',
  });
  const { names } = method.head;
  const bias = await read(`${classifier.output}.bias`);
  const arrays = new Map([
    [names.weight, weight],
    [names.bias, bias],
  ]);
  if (weight.shape.length !== 2 || weight.shape[0] !== labels.length || bias.shape[0] !== labels.length)
    throw new PeftError('TENSOR_MISSHAPEN', {
      found: `"${classifier.output}" of shape [${weight.shape.join(', ')}] in ${location}, ${labels.length} labels in config.json`,
      expected: 'one row for each label',
      fix: 'take config.json and weights from the same model',
    });
  const maps = [classifier.output];
  if (classifier.hidden) {
    const { path } = classifier.hidden;
    maps.push(path);
    arrays.set(names.hiddenWeight, await read(`${path}.weight`));
    arrays.set(names.hiddenBias, await read(`${path}.bias`));
  }
  return { method, arrays, known: maps.flatMap((path) => [`${path}.weight`, `${path}.bias`]) };
}

import { PeftError } from '../errors.js';
import { head as createHead, type HeadMethod } from '../head.js';
import { type HeadActivation, headActivations, type HostSpec } from '../host-spec.js';
import type { Json, JsonObject } from '../json/json.js';
import type { NamedArray, NamedArrays } from '../parameters.js';
import { type AdapterFiles, hubHeadConfigName, hubHeadTensorsName, refusePickle } from './adapter-files.js';
import { briefJson } from '../json/brief-json.js';
import { checkTensors, readTensors } from './check-tensors.js';
import { headOutputs } from './head-outputs.js';
import { decodeHead, hfHeadConfig, takeHead } from './head-tensors.js';
import { chooseLabels } from './label-names.js';
import type { LoadOptions } from './load-options.js';
import { isJsonObject, parseJsonObject } from '../json/parse-json-strict.js';

export interface LoadedHead {
  readonly method: HeadMethod;
  readonly effective: NamedArrays;
}

/**
 * The head beside an adapter of AdapterHub. A flexible head is a row of modules `heads.<name>.<place>`: dropout, then one affine map, or an
 * affine map, an activation, dropout and an affine map. A head of an HF class keeps the names it has there. Undefined without a head's files.
 * Errors: `PICKLE_REFUSED`, `HEAD_UNSUPPORTED`, `LABELS_MISMATCH`, `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`.
 */
export async function loadAdapterHubHead(
  files: AdapterFiles,
  host: HostSpec,
  options: LoadOptions,
): Promise<LoadedHead | undefined> {
  refusePickle(files, hubHeadTensorsName);
  if (!files.has(hubHeadTensorsName)) return undefined;
  const tensors = await readTensors(files, hubHeadTensorsName);
  const bytes = files.get(hubHeadConfigName);
  const file = bytes ? parseJsonObject(bytes, hubHeadConfigName) : {};
  return isJsonObject(file['config'])
    ? readFlexibleHead(file, file['config'], tensors, host, options)
    : readClassHead(file, tensors, host, options);
}

function readFlexibleHead(
  file: JsonObject,
  config: JsonObject,
  tensors: NamedArrays,
  host: HostSpec,
  options: LoadOptions,
): LoadedHead {
  const { head_type: type, layers, activation_function: activation, use_pooler: usePooler } = config;
  if (type !== 'classification') throw unsupported('head_type', type, '"classification"');
  if (layers !== 1 && layers !== 2) throw unsupported('layers', layers, '1 or 2');
  const hidden = layers === 1 ? 'none' : activation;
  if (hidden !== 'none' && !isHeadActivation(hidden))
    throw unsupported('activation_function', activation, headActivations.map((name) => `"${name}"`).join(' or '));
  const output = layers === 1 ? 1 : 4;
  const { name: headName } = file;
  if (typeof headName !== 'string') throw unsupported('name', headName, 'the name of the head');
  const start = `heads.${headName}.`;
  const last = `${start}${output}.weight`;
  const outputs = headOutputs(tensors.get(last), last, host, hubHeadTensorsName);
  const labels = chooseLabels(outputs, namesOf(config['label2id']), options, hubHeadConfigName);
  const method = createHead({ labels: [...labels], readout: usePooler === true ? 'pooler' : 'cls', hidden });
  const { names } = method.head;
  const size = host.hiddenSize;
  const entries: (readonly [string, string, readonly number[]])[] = [
    [names.weight, `${start}${output}.weight`, [labels.length, size]],
    ...(config['bias'] === false ? [] : [[names.bias, `${start}${output}.bias`, [labels.length]] as const]),
    ...(layers === 1
      ? []
      : ([
          [names.hiddenWeight, `${start}1.weight`, [size, size]],
          [names.hiddenBias, `${start}1.bias`, [size]],
        ] as const)),
  ];
  checkTensors(
    tensors,
    entries.map(([, name, shape]) => ({ name, shape })),
    hubHeadTensorsName,
  );
  const zeroBias: NamedArray = { shape: [labels.length], data: new Float32Array(labels.length) };
  const effective = new Map([
    [names.bias, zeroBias],
    ...entries.map(([own, name]) => [own, tensors.get(name)!] as const),
  ]);
  return { method, effective };
}

/** `BertForSequenceClassification` and the like. */
function readClassHead(file: JsonObject, tensors: NamedArrays, host: HostSpec, options: LoadOptions): LoadedHead {
  const { head, rest } = takeHead(tensors, host, hubHeadTensorsName);
  checkTensors(rest, [], hubHeadTensorsName);
  const last = `${host.classifier.output}.weight`;
  const outputs = headOutputs(head?.get(last), last, host, hubHeadTensorsName);
  const labels = chooseLabels(outputs, namesOf(file['label2id']), options, hubHeadConfigName);
  const method = createHead(hfHeadConfig(host, labels));
  return { method, effective: decodeHead(method, head ?? new Map(), host, hubHeadTensorsName) };
}

const isHeadActivation = (name: Json | undefined): name is HeadActivation =>
  (headActivations as readonly (Json | undefined)[]).includes(name);

/** Names by index from `label2id`. */
export function namesOf(map: Json | undefined): readonly (Json | undefined)[] {
  if (!isJsonObject(map)) return [];
  const entries = Object.entries(map);
  const names = new Map(entries.map(([name, id]) => [typeof id === 'string' ? Number(id) : id, name]));
  return entries.map((_, index) => names.get(index));
}

const unsupported = (key: string, value: Json | undefined, expected: string) =>
  new PeftError('HEAD_UNSUPPORTED', {
    found: `${hubHeadConfigName}: "${key}": ${briefJson(value)}`,
    expected,
    fix: "leave out the head's files to load the adapter without it, and train a head for it",
  });

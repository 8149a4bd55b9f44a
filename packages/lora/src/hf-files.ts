import { type HostSpec, type NamedArray, type NamedArrays } from '@tfjs-peft/peft-core';
import { floatsOf, transposed } from '@tfjs-peft/peft-core/authoring';
import { type FileCodec, hfPath, rememberWholeValues } from '@tfjs-peft/peft-core/files';
import type { LoraConfig } from './config.js';
import { writeHfLoraConfig } from './hf-config.js';
import { parameterNames } from './names.js';
import type { LoraTarget } from './plan-targets.js';

/** What a configuration means on a host. */
export interface LoraLayout {
  readonly targets: readonly LoraTarget[];
  /** Modules whose bias is trained. */
  readonly biases: readonly string[];
}

/** One parameter and the tensor that stands for it in a file. */
interface Entry {
  readonly parameter: string;
  readonly stored: string;
  /** How the tensor follows from the parameter. */
  readonly form: 'same' | 'transposed' | 'bias' | 'magnitude';
  readonly path: string;
}

/**
 * HF peft's tensors: `lora_A.weight` `[rank, inputs]` and `lora_B.weight` `[outputs, rank]`, our factors transposed; at a table
 * `lora_embedding_A` and `_B`; the magnitudes of DoRA and trained biases as whole values, of which we hold the differences to the host's.
 * HF peft also writes copies of the head's bias under `bias: "all"`. They are left out here: HF peft loads the file without them.
 */
export function loraFiles(config: LoraConfig, layoutOf: (host: HostSpec) => LoraLayout): FileCodec {
  const wholeValues = rememberWholeValues();
  const baseOf = ({ form, path }: Entry, frozen: NamedArrays): Float32Array =>
    form === 'bias' ? floatsOf(frozen.get(`${path}.bias`)!) : columnNorms(frozen.get(`${path}.weight`)!);
  return {
    peftType: 'LORA',
    headPrefix: 'base_model.model.',
    hostTensors: (host) => {
      const { targets, biases } = layoutOf(host);
      return [
        ...(config.dora ? targets.map(({ path }) => `${path}.weight`) : []),
        ...biases.map((path) => `${path}.bias`),
      ];
    },
    encode: (effective, host, frozen) => ({
      config: writeHfLoraConfig(config, layoutOf(host).targets, host),
      tensors: new Map(
        entriesOf(config, host, layoutOf(host)).map((entry) => {
          const array = effective.get(entry.parameter)!;
          if (entry.form === 'same') return [entry.stored, array];
          if (entry.form === 'transposed') return [entry.stored, transposed(array)];
          const data = wholeValues.write(entry.stored, floatsOf(array), baseOf(entry, frozen));
          return [entry.stored, { shape: array.shape, data }];
        }),
      ),
      differences:
        host.languageModel?.tied && layoutOf(host).targets.some(({ kind }) => kind === 'table')
          ? [
              'the delta of the word embeddings acts on the tied output embeddings too; HF peft leaves these as they are',
            ]
          : [],
    }),
    decode: (tensors, host, frozen) =>
      new Map(
        entriesOf(config, host, layoutOf(host)).map((entry) => {
          const array = tensors.get(entry.stored)!;
          if (entry.form === 'same') return [entry.parameter, array];
          if (entry.form === 'transposed') return [entry.parameter, transposed(array)];
          const data = wholeValues.read(entry.stored, floatsOf(array), baseOf(entry, frozen));
          return [entry.parameter, { shape: array.shape, data }];
        }),
      ),
  };
}

function entriesOf(config: LoraConfig, host: HostSpec, { targets, biases }: LoraLayout): Entry[] {
  const isTarget = new Set(targets.map(({ path }) => path));
  return [
    ...targets.flatMap(({ kind, path }): Entry[] => {
      const parameter = parameterNames(config, path);
      const module = `base_model.model.${hfPath(host, path)}`;
      const [a, b] = kind === 'table' ? ['lora_embedding_A', 'lora_embedding_B'] : ['lora_A.weight', 'lora_B.weight'];
      return [
        { path, parameter: parameter.down, stored: `${module}.${a}`, form: 'transposed' },
        { path, parameter: parameter.up, stored: `${module}.${b}`, form: 'transposed' },
        ...(config.loraBias
          ? [{ path, parameter: parameter.upBias, stored: `${module}.lora_B.bias`, form: 'same' } as const]
          : []),
        ...(config.dora
          ? [
              {
                path,
                parameter: parameter.magnitudeDelta,
                stored: `${module}.lora_magnitude_vector`,
                form: 'magnitude',
              } as const,
            ]
          : []),
      ];
    }),
    ...biases.map((path): Entry => {
      const module = `base_model.model.${hfPath(host, path)}`;
      const stored = `${module}${isTarget.has(path) ? '.base_layer' : ''}.bias`;
      return { path, parameter: parameterNames(config, path).biasDelta, stored, form: 'bias' };
    }),
  ];
}

/** Euclidean norms of the columns of `[inputs, outputs]`, summed in double precision. */
function columnNorms({ shape, data }: NamedArray): Float32Array {
  const [rows = 0, columns = 0] = shape;
  const squares = new Float64Array(columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) squares[j]! += data[i * columns + j]! ** 2;
  return Float32Array.from(squares, Math.sqrt);
}

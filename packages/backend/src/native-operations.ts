import * as tf from '@tensorflow/tfjs';
import { packedLimit } from './kernel-settings.js';
import { replaceKernel } from './replace-kernel.js';

type AttributeType = 'bool' | 'float' | 'int';

interface NativeOperation {
  readonly name: string;
  readonly attribute?: readonly [name: string, type: AttributeType];
  /** In TensorFlow's order. An operation on lists of tensors takes them as one array instead, one list after the other. */
  readonly inputs: readonly string[] | 'lists';
  /** How many there are, if not always the same. */
  readonly outputs: number | ((attributes: Attributes) => number);
  /** Whole numbers that TensorFlow infers the lengths of lists from. */
  readonly lengths?: readonly string[];
  /** Whole numbers that no caller gives. */
  readonly settings?: () => Readonly<Record<string, number>>;
}

type Attributes = Readonly<Record<string, unknown>>;

/** What the library in packages/setup-native/kernels registers with TensorFlow. An input of shape `[0]` stands for one that is not given. */
const operations: readonly NativeOperation[] = [
  {
    name: 'TfjsPeftPack',
    attribute: ['transposed', 'bool'],
    inputs: ['kernel'],
    outputs: 1,
    settings: () => ({ megabytes: packedLimit() }),
  },
  { name: 'TfjsPeftAffine', attribute: ['transposed', 'bool'], inputs: ['x', 'kernel', 'bias', 'packed'], outputs: 1 },
  {
    name: 'TfjsPeftSparseAffine',
    attribute: ['transposed', 'bool'],
    inputs: ['x', 'kernel', 'bias', 'indices', 'values', 'ends', 'packed'],
    outputs: 1,
  },
  { name: 'TfjsPeftSparseGradient', inputs: ['x', 'dy', 'indices', 'ends'], outputs: 1 },
  {
    name: 'TfjsPeftFeedForward',
    attribute: ['keep_derivative', 'bool'],
    inputs: ['x', 'expand', 'expandBias', 'contract', 'contractBias', 'packedExpand', 'packedContract'],
    outputs: 2,
  },
  {
    name: 'TfjsPeftFeedForwardGradient',
    inputs: ['dy', 'derivative', 'expand', 'contract', 'packedExpand', 'packedContract'],
    outputs: 1,
  },
  { name: 'TfjsPeftLowRank', lengths: ['count', 'dynamic'], inputs: 'lists', outputs: 2 },
  {
    name: 'TfjsPeftLowRankGradient',
    lengths: ['count', 'dynamic'],
    inputs: 'lists',
    outputs: ({ count, dynamic }) => 1 + 2 * (count as number) + (dynamic as number),
  },
  { name: 'TfjsPeftAdd', inputs: ['a', 'b'], outputs: 1 },
  {
    name: 'TfjsPeftUpdateAdamW',
    lengths: ['count'],
    inputs: 'lists',
    outputs: ({ count }) => 3 * (count as number),
  },
  { name: 'TfjsPeftDot', lengths: ['count'], inputs: 'lists', outputs: 1 },
  { name: 'TfjsPeftDifference', lengths: ['count'], inputs: 'lists', outputs: ({ count }) => count as number },
  { name: 'TfjsPeftMix', lengths: ['count', 'points'], inputs: 'lists', outputs: ({ count }) => count as number },
  {
    name: 'TfjsPeftMixGradient',
    lengths: ['count', 'points'],
    inputs: 'lists',
    outputs: ({ points }) => points as number,
  },
  { name: 'TfjsPeftDropoutFactors', attribute: ['threshold', 'int'], inputs: ['seed', 'shape'], outputs: 1 },
  { name: 'TfjsPeftMoveRows', inputs: ['x', 'from'], outputs: 1 },
  { name: 'TfjsPeftGelu', attribute: ['keep_derivative', 'bool'], inputs: ['x'], outputs: 2 },
  { name: 'TfjsPeftLayerNorm', attribute: ['epsilon', 'float'], inputs: ['x', 'weight', 'bias'], outputs: 3 },
  { name: 'TfjsPeftLayerNormGradient', inputs: ['dy', 'weight', 'normalised', 'inverse'], outputs: 1 },
  { name: 'TfjsPeftRmsNorm', attribute: ['epsilon', 'float'], inputs: ['x', 'weight'], outputs: 2 },
  { name: 'TfjsPeftRmsNormGradient', inputs: ['dy', 'weight', 'x', 'inverse'], outputs: 1 },
  { name: 'TfjsPeftRotate', attribute: ['back', 'bool'], inputs: ['x', 'cosines', 'sines'], outputs: 1 },
  { name: 'TfjsPeftGatedSilu', inputs: ['gate', 'up'], outputs: 1 },
  { name: 'TfjsPeftGatedSiluGradient', inputs: ['dy', 'gate', 'up'], outputs: 2 },
  {
    name: 'TfjsPeftAttention',
    attribute: ['heads', 'int'],
    inputs: ['queryKeyValue', 'prefixKeys', 'prefixValues', 'mask', 'dropout'],
    outputs: 1,
  },
  {
    name: 'TfjsPeftAttentionGradient',
    attribute: ['heads', 'int'],
    inputs: ['queryKeyValue', 'prefixKeys', 'prefixValues', 'mask', 'dropout', 'dContext'],
    outputs: 3,
  },
];

export const nativeOperationNames = operations.map(({ name }) => name);

/** The part of tfjs-node's backend that runs an operation by name. */
interface NativeBackend {
  readonly binding: Readonly<Record<`TF_ATTR_${'BOOL' | 'FLOAT' | 'INT'}`, number>>;
  executeMultipleOutputs(
    name: string,
    attributes: readonly { name: string; type: number; value: unknown }[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.TensorInfo[];
}

const attributeCodes = { bool: 'TF_ATTR_BOOL', float: 'TF_ATTR_FLOAT', int: 'TF_ATTR_INT' } as const;

interface AddCall {
  readonly inputs: { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo };
  readonly backend: unknown;
}

/** Below this size handing work to other threads costs more than it saves. */
const LARGE = 1 << 15;

/** Sums of large tensors of one shape, most of them residuals and accumulated gradients, go to the fused kernels' threads: the same bits sooner. */
const replaceAdd = () =>
  replaceKernel('Add', 'tensorflow', (stock: (call: AddCall) => tf.TensorInfo) => (call: AddCall): tf.TensorInfo => {
    const { a, b } = call.inputs;
    const fits = tf.util.arraysEqual(a.shape, b.shape) && a.dtype === 'float32' && b.dtype === 'float32';
    if (!fits || tf.util.sizeFromShape(a.shape) < LARGE) return stock(call);
    return (call.backend as NativeBackend).executeMultipleOutputs('TfjsPeftAdd', [], [a, b], 1)[0]!;
  });

let restoreAdd: (() => void) | null = null;

/** Makes the operations kernels of the backend `tensorflow`, so that `tf.getKernel` finds them and `tf.engine().runKernel` runs them. */
export function registerNativeOperations(): void {
  for (const { name, attribute, lengths = [], settings, inputs: inputNames, outputs } of operations) {
    if (tf.getKernel(name, 'tensorflow')) continue;
    tf.registerKernel({
      kernelName: name,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs, backend }) => {
        const native = backend as NativeBackend;
        const set = settings?.() ?? {};
        const values: Attributes = { ...attrs, ...set };
        const types = [
          ...(attribute ? [attribute] : []),
          ...[...lengths, ...Object.keys(set)].map((attributeName) => [attributeName, 'int'] as const),
        ];
        const attributes = types.map(([attributeName, type]) => ({
          name: attributeName,
          type: native.binding[attributeCodes[type]],
          value: values[attributeName],
        }));
        const given =
          inputNames === 'lists'
            ? (inputs as unknown as readonly tf.TensorInfo[])
            : inputNames.map((input) => inputs[input] as tf.TensorInfo);
        const count = typeof outputs === 'number' ? outputs : outputs(values);
        return native.executeMultipleOutputs(name, attributes, given, count);
      },
    });
  }
  restoreAdd ??= replaceAdd();
}

/** Takes them away again, so that everything is computed by TensorFlow's own operations. */
export function unregisterNativeOperations(): void {
  for (const { name } of operations) if (tf.getKernel(name, 'tensorflow')) tf.unregisterKernel(name, 'tensorflow');
  restoreAdd?.();
  restoreAdd = null;
}

import * as tf from '@tensorflow/tfjs';
import type { PackedWeights } from './packed-weights.js';
import type { WasmLibrary } from './wasm-library.js';
import { unlessFull } from './wasm-memory.js';

/** What the kernel of an operation is given, and what it does with it. */
export interface Call {
  /** By name, or in their order for operations on lists. */
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly list: readonly tf.TensorInfo[];
  readonly attributes: Readonly<Record<string, number | boolean>>;
  readonly library: WasmLibrary;
  readonly packed: PackedWeights;
  /** Where a tensor's numbers are; 0 for one without any, which stands for one that is not given. */
  at(tensor: tf.TensorInfo): number;
  /** Errors: `BACKEND_OUT_OF_MEMORY`. What was made is freed if the operation fails. */
  make(shape: readonly number[]): tf.TensorInfo;
  /** Runs a function of the module to fill `output`, unless that is empty. Errors: `BACKEND_OUT_OF_MEMORY`. */
  run(output: tf.TensorInfo, name: string, ...values: (number | boolean)[]): void;
}

type Operation = (call: Call) => tf.TensorInfo[];

export const sizeOf = ({ shape }: tf.TensorInfo): number => tf.util.sizeFromShape(shape as number[]);
const last = ({ shape }: tf.TensorInfo): number => shape.at(-1) ?? 1;
const rowsOf = (tensor: tf.TensorInfo): number => (last(tensor) > 0 ? sizeOf(tensor) / last(tensor) : 0);
const withLast = ({ shape }: tf.TensorInfo, size: number): number[] => [...shape.slice(0, -1), size];
const isShape = (a: readonly number[], b: readonly number[]) => tf.util.arraysEqual([...a], [...b]);

/** The module reads and writes where it is told: what does not fit would be somebody else's memory. */
function mustFit(holds: boolean): void {
  if (!holds) throw new Error('the inputs of a fused kernel do not fit each other');
}

/** Sizes of an affine map `[inputs, outputs]`, whose kernel may be given the other way round. */
function affineSizes({ inputs: { x, kernel, bias, packed }, attributes, library }: Call) {
  const [first = 0, second = 0] = kernel!.shape;
  const [inputs, outputs] = attributes['transposed'] ? [second, first] : [first, second];
  mustBeKernel(kernel!, packed!);
  mustFit(last(x!) === inputs && [0, outputs].includes(sizeOf(bias!)));
  mustFitPacked(library, packed!, inputs, outputs);
  return { rows: rowsOf(x!), inputs, outputs };
}

/** A kernel, or its sizes alone, `[input, output, 0]`: then a packed one must be given. */
function mustBeKernel({ shape }: tf.TensorInfo, packed: tf.TensorInfo): void {
  mustFit(shape.length === 2 || (shape.length === 3 && shape[2] === 0 && sizeOf(packed) > 0));
}

function mustFitPacked(library: WasmLibrary, packed: tf.TensorInfo, inputs: number, outputs: number): void {
  mustFit(sizeOf(packed) === 0 || isShape(packed.shape, packedShape(library, inputs, outputs)));
}

/** It tells in what panels a kernel is packed, so that one that another backend has packed is not taken for ours. */
function packedShape({ functions }: WasmLibrary, inputs: number, outputs: number): number[] {
  const panel = functions['panel']!();
  return [Math.ceil(outputs / panel), inputs, panel];
}

/** How many maps entries are of; they must lie within kernels of this size. */
function mapsOf({ inputs: { indices, ends }, library, at }: Call, inputs: number, outputs: number): number {
  const maps = sizeOf(ends!);
  const fit =
    maps > 0 &&
    outputs % maps === 0 &&
    library.functions['entriesFit']!(sizeOf(indices!), at(indices!), maps, at(ends!), inputs * (outputs / maps)) !== 0;
  mustFit(fit);
  return maps;
}

/**
 * Factors `[input, rank]`, then `[rank, width]`, from input `start` on, cores `[input, rank · rank]` of the last, then a column and a scale for each, as
 * the module takes them; `made` are lists of tensors that it fills.
 */
function lowRankValues(call: Call, start: number, y: tf.TensorInfo, ...made: readonly (readonly tf.TensorInfo[])[]) {
  const { list, library, at } = call;
  const count = call.attributes['count'] as number;
  const [x] = list as [tf.TensorInfo];
  const [downs, ups, cores] = factorsOf(call, start);
  const [columns, scales] = list.slice(-2) as [tf.TensorInfo, tf.TensorInfo];
  const rank = ups.map(({ shape }) => shape[0]!);
  const coreSizes = rank.slice(count - cores.length).map((one) => one * one);
  const fits = ups.every(
    (up, i) => up.shape.length === 2 && up.shape[0]! > 0 && isShape(downs[i]!.shape, [last(x), up.shape[0]!]),
  );
  const coresFit = cores.length <= count && cores.every(({ shape }, i) => isShape(shape, [last(x), coreSizes[i]!]));
  mustFit(rowsOf(x) === rowsOf(y) && fits && coresFit && sizeOf(columns) === count && sizeOf(scales) === count);
  const place = [...new Int32Array(library.memory.buffer, at(columns), count)];
  mustFit(place.every((column, i) => column >= 0 && column + last(ups[i]!) <= last(y)));
  const ranks = tf.util.sum(rank);
  const width = ranks + tf.util.sum(coreSizes);
  const lists = [downs, ups, cores, ...made].map((tensors) => tensors.map(at));
  const [rankList = 0, widths = 0, ...addresses] = library.writeLists(rank, ups.map(last), ...lists);
  const [down = 0, up = 0, core = 0, ...rest] = addresses;
  const sizes = [rowsOf(x), last(x), last(y), count, cores.length, ranks, width];
  return { values: [...sizes, rankList, widths, at(columns), at(scales), down, up, core], rest, width };
}

function factorsOf({ list, attributes }: Call, start: number): [downs: Tensors, ups: Tensors, cores: Tensors] {
  const count = attributes['count'] as number;
  return [
    list.slice(start, start + count),
    list.slice(start + count, start + 2 * count),
    list.slice(start + 2 * count, -2),
  ];
}

type Tensors = readonly tf.TensorInfo[];

/** Sizes of the attention, and its inputs, as the module takes them. */
function attentionValues({ inputs, attributes, at }: Call) {
  const { queryKeyValue, prefixKeys, prefixValues, mask, dropout } = inputs as Record<string, tf.TensorInfo>;
  const heads = attributes['heads'] as number;
  const [batch = 0, tokens = 0, width = 0] = queryKeyValue!.shape;
  const size = width / (3 * heads);
  const prefix = prefixKeys!.shape;
  const length = sizeOf(prefixKeys!) === 0 ? 0 : prefix.at(-2)!;
  mustFit(
    queryKeyValue!.shape.length === 3 &&
      Number.isInteger(size) &&
      isShape(prefix, prefixValues!.shape) &&
      (length === 0 || isShape(prefix, [...(prefix.length === 4 ? [batch] : []), heads, length, size])) &&
      sizeOf(mask!) === batch * tokens &&
      [0, batch * heads * tokens * (length + tokens)].includes(sizeOf(dropout!)),
  );
  const addresses = [queryKeyValue!, prefixKeys!, prefixValues!, mask!, dropout!].map(at);
  return {
    values: [batch, tokens, heads, size, length, prefix.length === 3, ...addresses],
    prefix: [batch, heads, length, size],
  };
}

/** The operations that `native-operations.ts` lists, but for the sum, which the stock backend has as fast. */
export const operations: Readonly<Record<string, Operation>> = {
  TfjsPeftPack({ inputs: { kernel }, attributes, library, packed, at, make, run }) {
    const [first, second] = kernel!.shape as [number, number];
    const [inputs, outputs] = attributes['transposed'] ? [second, first] : [first, second];
    const shape = packedShape(library, inputs, outputs);
    const bytes = 4 * tf.util.sizeFromShape(shape);
    const made = bytes > 0 && packed.hasRoom(bytes) ? unlessFull(() => make(shape)) : undefined;
    if (!made) return [make([0])];
    packed.add(made, bytes);
    run(made, 'pack', inputs, outputs, attributes['transposed']!, at(kernel!), at(made));
    return [made];
  },
  TfjsPeftAffine(call) {
    const { x, kernel, bias, packed } = call.inputs as Record<string, tf.TensorInfo>;
    const { rows, inputs, outputs } = affineSizes(call);
    const y = call.make(withLast(x!, outputs));
    const addresses = [x!, kernel!, bias!, packed!, y].map(call.at);
    call.run(y, 'affine', rows, inputs, outputs, call.attributes['transposed']!, ...addresses);
    return [y];
  },
  TfjsPeftSparseAffine(call) {
    const { x, kernel, bias, packed, indices, ends, values } = call.inputs as Record<string, tf.TensorInfo>;
    const { rows, inputs, outputs } = affineSizes(call);
    const maps = mapsOf(call, ...(kernel!.shape as [number, number]));
    mustFit(sizeOf(values!) === sizeOf(indices!));
    const y = call.make(withLast(x!, outputs));
    const sizes = [rows, inputs, outputs, call.attributes['transposed']!];
    const [entries, added] = [
      [indices!, ends!],
      [values!, y],
    ].map((tensors) => tensors.map(call.at));
    call.run(y, 'sparseAffine', ...sizes, ...[x!, kernel!, bias!, packed!].map(call.at), maps, ...entries!, ...added!);
    return [y];
  },
  TfjsPeftSparseGradient(call) {
    const { x, dy, indices, ends } = call.inputs as Record<string, tf.TensorInfo>;
    mustFit(rowsOf(x!) === rowsOf(dy!));
    const maps = mapsOf(call, last(x!), last(dy!));
    const gradient = call.make([sizeOf(indices!)]);
    const [states, entries] = [
      [x!, dy!],
      [indices!, ends!, gradient],
    ].map((tensors) => tensors.map(call.at));
    call.run(gradient, 'sparseGradient', rowsOf(x!), last(x!), last(dy!), ...states!, maps, ...entries!);
    return [gradient];
  },
  TfjsPeftFeedForward(call) {
    const { x, expand, expandBias, contract, contractBias, packedExpand, packedContract } = call.inputs as Record<
      string,
      tf.TensorInfo
    >;
    const [[inputs = 0, inner = 0], [, outputs = 0]] = [expand!.shape, contract!.shape];
    mustBeKernel(expand!, packedExpand!);
    mustBeKernel(contract!, packedContract!);
    mustFit(
      last(x!) === inputs &&
        contract!.shape[0] === inner &&
        sizeOf(expandBias!) === inner &&
        sizeOf(contractBias!) === outputs,
    );
    mustFitPacked(call.library, packedExpand!, inputs, inner);
    mustFitPacked(call.library, packedContract!, inner, outputs);
    const y = call.make(withLast(x!, outputs));
    const derivative = call.make(call.attributes['keep_derivative'] ? withLast(x!, inner) : [0]);
    const addresses = [
      x!,
      expand!,
      expandBias!,
      contract!,
      contractBias!,
      packedExpand!,
      packedContract!,
      y,
      derivative,
    ].map(call.at);
    call.run(y, 'feedForward', rowsOf(x!), inputs, inner, outputs, ...addresses);
    return [y, derivative];
  },
  TfjsPeftFeedForwardGradient(call) {
    const { dy, derivative, expand, contract, packedExpand, packedContract } = call.inputs as Record<
      string,
      tf.TensorInfo
    >;
    const [[inputs = 0, inner = 0], [, outputs = 0]] = [expand!.shape, contract!.shape];
    mustBeKernel(expand!, packedExpand!);
    mustBeKernel(contract!, packedContract!);
    mustFit(last(dy!) === outputs && contract!.shape[0] === inner && sizeOf(derivative!) === rowsOf(dy!) * inner);
    mustFitPacked(call.library, packedExpand!, inner, inputs);
    mustFitPacked(call.library, packedContract!, outputs, inner);
    const dx = call.make(withLast(dy!, inputs));
    const addresses = [dy!, derivative!, expand!, contract!, packedExpand!, packedContract!, dx].map(call.at);
    call.run(dx, 'feedForwardGradient', rowsOf(dy!), inputs, inner, outputs, ...addresses);
    return [dx];
  },
  TfjsPeftLowRank(call) {
    const [x, y] = call.list as [tf.TensorInfo, tf.TensorInfo];
    const { values, width } = lowRankValues(call, 2, y);
    const made = [call.make(y.shape), call.make([rowsOf(x), width])];
    call.run(made[0]!, 'lowRank', ...values, ...[x, y, ...made].map(call.at));
    return made;
  },
  TfjsPeftLowRankGradient(call) {
    const [x, dy, narrow] = call.list as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
    const dx = call.make(x.shape);
    const factors = factorsOf(call, 3).map((list) => list.map(({ shape }) => call.make(shape)));
    const { values, rest, width } = lowRankValues(call, 3, dy, ...factors);
    mustFit(sizeOf(x) > 0 && sizeOf(narrow) === rowsOf(x) * width);
    call.run(dx, 'lowRankGradient', ...values, ...[x, dy, narrow, dx].map(call.at), ...rest);
    return [dx, ...factors.flat()];
  },
  TfjsPeftUpdateAdamW({ list, attributes, at, make, run }) {
    const count = attributes['count'] as number;
    const part = (index: number) => list.slice(index * count, (index + 1) * count);
    const [values, gradients, firsts, seconds] = [part(0), part(1), part(2), part(3)];
    const [scale, numbers] = list.slice(4 * count) as [tf.TensorInfo, tf.TensorInfo];
    const areAlike = values.every((value, i) =>
      [gradients, firsts, seconds].every((other) => sizeOf(other[i]!) === sizeOf(value)),
    );
    mustFit(areAlike && sizeOf(scale) === 1 && sizeOf(numbers) === 5 * count);
    const made = [0, 1, 2].map(() => values.map(({ shape }) => make(shape)));
    values.forEach((value, i) => {
      const tensors = [value, gradients[i]!, firsts[i]!, seconds[i]!, ...made.map((list) => list[i]!)];
      run(made[0]![i]!, 'adamw', sizeOf(value), at(scale), at(numbers) + 20 * i, ...tensors.map(at));
    });
    return made.flat();
  },
  TfjsPeftDot({ list, attributes, at, make, run }) {
    const count = attributes['count'] as number;
    const sum = make([]);
    for (let i = 0; i < count; i++) {
      const [a, b] = [list[i]!, list[count + i]!];
      mustFit(sizeOf(a) === sizeOf(b));
      run(sum, 'dot', sizeOf(a), at(a), at(b), i > 0, at(sum));
    }
    return [sum];
  },
  TfjsPeftDifference({ list, attributes, at, make, run }) {
    const count = attributes['count'] as number;
    const [ofA, ofB] = list.slice(2 * count) as [tf.TensorInfo, tf.TensorInfo];
    mustFit(sizeOf(ofA) === 1 && sizeOf(ofB) === 1);
    return list.slice(0, count).map((a, i) => {
      const b = list[count + i]!;
      mustFit(isShape(a.shape, b.shape));
      const difference = make(a.shape);
      run(difference, 'difference', sizeOf(a), at(a), at(b), at(ofA), at(ofB), at(difference));
      return difference;
    });
  },
  TfjsPeftMix({ list, attributes, library, at, make, run }) {
    const { count, points } = attributes as Record<string, number>;
    const vertices = points! / count!;
    return list.slice(points!).map((coefficients, i) => {
      const corners = list.slice(i * vertices, (i + 1) * vertices);
      const [{ shape }] = corners as [tf.TensorInfo];
      mustFit(last(coefficients) === vertices && corners.every((corner) => isShape(corner.shape, shape)));
      const rows = rowsOf(coefficients);
      const mixed = make(coefficients.shape.length === 2 ? [rows, ...shape] : shape);
      const [addresses = 0] = library.writeLists(corners.map(at));
      run(
        mixed,
        'mix',
        rows,
        vertices,
        tf.util.sizeFromShape(shape as number[]),
        at(coefficients),
        addresses,
        at(mixed),
      );
      return mixed;
    });
  },
  TfjsPeftMixGradient({ list, attributes, library, at, make, run }) {
    const count = attributes['count'] as number;
    return list.slice(0, count).flatMap((dMixed, i) => {
      const coefficients = list[count + i]!;
      const [rows, each] = [rowsOf(coefficients), coefficients.shape.length === 2];
      mustFit(!each || dMixed.shape[0] === rows);
      const shape = each ? dMixed.shape.slice(1) : dMixed.shape;
      const gradients = Array.from({ length: last(coefficients) }, () => make(shape));
      const [addresses = 0] = library.writeLists(gradients.map(at));
      run(
        gradients[0]!,
        'mixGradient',
        rows,
        gradients.length,
        sizeOf(dMixed) / rows,
        at(coefficients),
        at(dMixed),
        addresses,
      );
      return gradients;
    });
  },
  TfjsPeftDropoutFactors({ inputs: { seed, shape }, attributes, library, at, make, run }) {
    const threshold = attributes['threshold'] as number;
    mustFit(sizeOf(seed!) === 3 && threshold >= 0 && threshold < 65536);
    const factors = make([...new Int32Array(library.memory.buffer, at(shape!), sizeOf(shape!))]);
    run(factors, 'dropoutFactors', sizeOf(factors), threshold, at(seed!), at(factors));
    return [factors];
  },
  TfjsPeftMoveRows({ inputs: { x, from }, library, at, make, run }) {
    const count = sizeOf(from!);
    mustFit(x!.shape.length === 2 && library.functions['rowsFit']!(count, at(from!), x!.shape[0]!) !== 0);
    const moved = make([count, last(x!)]);
    run(moved, 'moveRows', count, last(x!), at(x!), at(from!), at(moved));
    return [moved];
  },
  TfjsPeftGelu({ inputs: { x }, attributes, at, make, run }) {
    const made = [make(x!.shape), make(attributes['keep_derivative'] ? x!.shape : [0])];
    run(made[0]!, 'gelu', sizeOf(x!), at(x!), ...made.map(at));
    return made;
  },
  TfjsPeftLayerNorm({ inputs: { x, weight, bias }, attributes, at, make, run }) {
    const size = last(x!);
    mustFit(sizeOf(weight!) === size && sizeOf(bias!) === size);
    const made = [make(x!.shape), make(x!.shape), make(withLast(x!, 1))];
    run(made[0]!, 'layerNorm', rowsOf(x!), size, attributes['epsilon']!, ...[x!, weight!, bias!, ...made].map(at));
    return made;
  },
  TfjsPeftLayerNormGradient({ inputs: { dy, weight, normalised, inverse }, at, make, run }) {
    mustFit(sizeOf(weight!) === last(dy!) && sizeOf(normalised!) === sizeOf(dy!) && sizeOf(inverse!) === rowsOf(dy!));
    const dx = make(dy!.shape);
    run(dx, 'layerNormGradient', rowsOf(dy!), last(dy!), ...[dy!, weight!, normalised!, inverse!, dx].map(at));
    return [dx];
  },
  TfjsPeftRmsNorm({ inputs: { x, weight }, attributes, at, make, run }) {
    mustFit(sizeOf(weight!) === last(x!));
    const made = [make(x!.shape), make(withLast(x!, 1))];
    run(made[0]!, 'rmsNorm', rowsOf(x!), last(x!), attributes['epsilon']!, ...[x!, weight!, ...made].map(at));
    return made;
  },
  TfjsPeftRmsNormGradient({ inputs: { dy, weight, x, inverse }, at, make, run }) {
    mustFit(sizeOf(weight!) === last(dy!) && sizeOf(x!) === sizeOf(dy!) && sizeOf(inverse!) === rowsOf(dy!));
    const dx = make(dy!.shape);
    run(dx, 'rmsNormGradient', rowsOf(dy!), last(dy!), ...[dy!, weight!, x!, inverse!, dx].map(at));
    return [dx];
  },
  TfjsPeftRotate({ inputs: { x, cosines, sines }, attributes, at, make, run }) {
    const [batch = 0, heads = 0, tokens = 0, size = 0] = x!.shape;
    const [angles = 0] = cosines!.shape;
    mustFit(x!.shape.length === 4 && size % 2 === 0 && (angles === 1 || angles === batch));
    mustFit(sizeOf(cosines!) === angles * tokens * size && sizeOf(sines!) === sizeOf(cosines!));
    const y = make(x!.shape);
    const settings = [Number(angles === 1), Number(attributes['back'])];
    run(y, 'rotate', batch, heads, tokens, size, ...settings, ...[x!, cosines!, sines!, y].map(at));
    return [y];
  },
  TfjsPeftGatedSilu({ inputs: { gate, up }, at, make, run }) {
    mustFit(tf.util.arraysEqual(gate!.shape, up!.shape));
    const y = make(gate!.shape);
    run(y, 'gatedSilu', sizeOf(y), ...[gate!, up!, y].map(at));
    return [y];
  },
  TfjsPeftGatedSiluGradient({ inputs: { dy, gate, up }, at, make, run }) {
    mustFit(tf.util.arraysEqual(gate!.shape, up!.shape) && tf.util.arraysEqual(dy!.shape, up!.shape));
    const made = [make(gate!.shape), make(up!.shape)];
    run(made[0]!, 'gatedSiluGradient', sizeOf(gate!), ...[dy!, gate!, up!, ...made].map(at));
    return made;
  },
  TfjsPeftAttention(call) {
    const { values } = attentionValues(call);
    const { queryKeyValue } = call.inputs as Record<string, tf.TensorInfo>;
    const context = call.make(withLast(queryKeyValue!, last(queryKeyValue!) / 3));
    call.run(context, 'attention', ...values, call.at(context));
    return [context];
  },
  TfjsPeftAttentionGradient(call) {
    const { values, prefix } = attentionValues(call);
    const { queryKeyValue, dContext } = call.inputs as Record<string, tf.TensorInfo>;
    mustFit(sizeOf(dContext!) * 3 === sizeOf(queryKeyValue!));
    const made = [queryKeyValue!.shape, prefix, prefix].map(call.make);
    call.run(made[0]!, 'attentionGradient', ...values, ...[dContext!, ...made].map(call.at));
    return made;
  },
};

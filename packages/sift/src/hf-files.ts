import { type HostSpec, type NamedArray, type NamedArrays, PeftError } from '@tfjs-peft/peft-core';
import { findMisplaced, floatsOf, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { checkTensors, type FileCodec } from '@tfjs-peft/peft-core/files';
import type { IncrementConfig } from './config.js';
import { writeHfTargets } from './hf-config.js';
import type { Increment } from './increment.js';

interface FileLayout {
  readonly type: string;
  readonly config: IncrementConfig & { readonly maskType?: string };
  readonly incrementsOf: (host: HostSpec) => readonly Increment[];
}

/**
 * HF peft's SHiRA: a weight `[outputs, inputs]` has `<module>.shira_weight` `[k]` and `<module>.shira_indices` `[2, k]`, int32, rows and columns of
 * its entries. There k is `r · (inputs + outputs)` with one r for all modules, so that increments of another number are filled up with zeros at free
 * places behind our own. What is not an affine map has no place there and stands beside it under names that HF peft does not know.
 */
export function incrementFiles({ type, config, incrementsOf }: FileLayout): FileCodec {
  return {
    peftType: 'SHIRA',
    headPrefix: 'base_model.model.',
    encode(effective, host) {
      const increments = incrementsOf(host);
      const { rank, fits } = commonRank(increments);
      const others = increments.filter((increment) => !isAffine(increment));
      return {
        config: {
          exclude_modules: null,
          fan_in_fan_out: false,
          init_weights: true,
          mask_type: config.maskType ?? 'random',
          r: rank,
          target_modules: writeHfTargets(
            increments.filter(isAffine).map(({ tensor }) => tensor.module),
            host,
          ),
        },
        tensors: new Map(increments.flatMap((increment) => encodeIncrement(increment, effective, host, rank))),
        differences: [
          ...(fits ? [] : ['HF peft has no place for so large a share of the entries']),
          ...(others.length > 0
            ? [
                `HF peft has no place for increments of what is not an affine map: ${others.length} tensors, ${others[0]!.tensor.path} first`,
              ]
            : []),
          ...(increments.some(isAffine) ? [] : ['HF peft has no SHiRA without an affine map']),
        ],
      };
    },
    decode(tensors, host): NamedArrays {
      const increments = incrementsOf(host);
      const { rank } = commonRank(increments);
      const expected = increments.flatMap((increment) => storedTensors(increment, host, rank));
      checkTensors(tensors, expected, `tensors of ${type}`);
      return new Map(increments.flatMap((increment) => decodeIncrement(increment, tensors, host, type === 'SIFT')));
    },
  };
}

const isAffine = ({ tensor }: Increment): boolean => tensor.kind === 'linear' && tensor.part === 'weight';

/** The smallest r whose number of entries is enough for all modules; `fits` says whether each module has as many. */
function commonRank(increments: readonly Increment[]): { readonly rank: number; readonly fits: boolean } {
  const affine = increments.filter(isAffine);
  const spanOf = ({ tensor }: Increment) => tensor.shape[0]! + tensor.shape[1]!;
  const rank = Math.max(1, ...affine.map((increment) => Math.ceil(increment.count / spanOf(increment))));
  return { rank, fits: affine.every((increment) => rank * spanOf(increment) <= sizeOf(increment.tensor.shape)) };
}

function storedTensors(increment: Increment, host: HostSpec, rank: number) {
  const { tensor, count, base } = increment;
  const module = `base_model.model.${host.baseModelPrefix}.${tensor.module}`;
  const bases =
    base === undefined
      ? []
      : [{ name: `${module}.sift_${tensor.part}_base`, shape: [count], dtype: 'float32' as const }];
  if (!isAffine(increment))
    return [
      { name: `${module}.sift_${tensor.part}_values`, shape: [count], dtype: 'float32' as const },
      { name: `${module}.sift_${tensor.part}_indices`, shape: [count], dtype: 'int32' as const },
      ...bases,
    ];
  const length = Math.min(rank * (tensor.shape[0]! + tensor.shape[1]!), sizeOf(tensor.shape));
  return [
    { name: `${module}.shira_weight`, shape: [length], dtype: 'float32' as const },
    { name: `${module}.shira_indices`, shape: [2, length], dtype: 'int32' as const },
    ...bases,
  ];
}

function encodeIncrement(
  increment: Increment,
  effective: NamedArrays,
  host: HostSpec,
  rank: number,
): [string, NamedArray][] {
  const { tensor, values, indices, base } = increment;
  const [ofValues, ofIndices, ofBase] = storedTensors(increment, host, rank);
  const [numbers, places] = [floatsOf(effective.get(values)!), effective.get(indices)!.data];
  const bases: [string, NamedArray][] = base === undefined ? [] : [[ofBase!.name, effective.get(base)!]];
  if (!isAffine(increment))
    return [[ofValues!.name, effective.get(values)!], [ofIndices!.name, effective.get(indices)!], ...bases];
  const [inputs, outputs] = tensor.shape as [number, number];
  const entries = Array.from(places, (place, entry) => ({
    // In the order of HF peft's weight `[outputs, inputs]`.
    place: (place % outputs) * inputs + Math.floor(place / outputs),
    value: numbers[entry]!,
  })).sort((a, b) => a.place - b.place);
  const [length] = ofValues!.shape as [number];
  const taken = new Set(entries.map(({ place }) => place));
  for (let place = 0; entries.length < length; place++) if (!taken.has(place)) entries.push({ place, value: 0 });
  const [data, at] = [new Float32Array(length), new Int32Array(2 * length)];
  entries.slice(0, length).forEach(({ place, value }, entry) => {
    data[entry] = value;
    at[entry] = Math.floor(place / inputs);
    at[length + entry] = place % inputs;
  });
  return [
    [ofValues!.name, { shape: ofValues!.shape, data }],
    [ofIndices!.name, { shape: ofIndices!.shape, data: at }],
    ...bases,
  ];
}

function decodeIncrement(
  increment: Increment,
  tensors: NamedArrays,
  host: HostSpec,
  ordered: boolean,
): [string, NamedArray][] {
  const { tensor, count, values, indices, base } = increment;
  // Their shapes have been checked.
  const found = storedTensors(increment, host, 1).map(({ name }) => ({ name, array: tensors.get(name)! }));
  const [ofValues, ofIndices, ofBase] = found;
  const bases: [string, NamedArray][] = base === undefined ? [] : [[base, ofBase!.array]];
  if (!isAffine(increment)) return [[values, ofValues!.array], [indices, ofIndices!.array], ...bases];
  const [inputs, outputs] = tensor.shape as [number, number];
  const [numbers, at] = [floatsOf(ofValues!.array), ofIndices!.array.data];
  const length = numbers.length;
  const inHf = Float64Array.from(numbers, (_, entry) => {
    const [row, column] = [at[entry]!, at[length + entry]!];
    return row >= 0 && row < outputs && column >= 0 && column < inputs ? row * inputs + column : -1;
  });
  const checked = ordered ? inHf.slice(0, count) : inHf.slice().sort();
  const problem =
    findMisplaced(
      inHf.filter((place) => place < 0),
      inputs * outputs,
    ) ?? findMisplaced(checked, inputs * outputs);
  if (problem) throw misplaced(ofIndices!.name, problem, increment);
  if (numbers.subarray(count).some((value) => value !== 0)) throw notEmpty(ofValues!.name, count, length);
  const entries = Array.from(inHf.slice(0, count), (place, entry) => ({
    place: (place % inputs) * outputs + Math.floor(place / inputs),
    value: numbers[entry]!,
  })).sort((a, b) => a.place - b.place);
  return [
    [values, { shape: [count], data: Float32Array.from(entries, ({ value }) => value) }],
    [indices, { shape: [count], data: Int32Array.from(entries, ({ place }) => place) }],
    ...bases,
  ];
}

const misplaced = (name: string, problem: string, { tensor }: Increment) =>
  new PeftError('PLACES_INVALID', {
    found: `"${name}": ${problem}`,
    expected: `rows and columns of ${tensor.path} [${[...tensor.shape].reverse().join(', ')}], each entry once`,
    fix: 'load the files as they were saved, on a host of the size they were made for',
  });

const notEmpty = (name: string, count: number, length: number) =>
  new PeftError('ADAPTER_FILES_INCONSISTENT', {
    found: `"${name}" with numbers other than 0 behind the ${count} increments, among the ${length - count} that only fill it up for HF peft`,
    expected: 'zeros there',
    fix: 'take tfjs_peft.json out to load what HF peft trained further',
  });

import { type Intervention, nearMisses, PeftError } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import { type HostLayout, modulePathOf } from './host-layout.js';
import { readoutUnavailable } from './host-spec.js';

/** Stands for a length that the host does not prescribe: a rank, a prefix's length. */
const anyLength = -1;

/** Errors: `INTERVENTION_PATH_UNKNOWN`, `INTERVENTION_MISSHAPEN`, `READOUT_UNAVAILABLE`. */
export function checkIntervention(intervention: Intervention, layout: HostLayout, batchSize: number): void {
  const { linears, tables } = layout;
  const perExample = { batchSize };
  const shared = {};
  const check = (
    field: string,
    tensor: tf.Tensor,
    expected: readonly number[],
    options: { readonly batchSize?: number },
  ) => requireShape(intervention, field, tensor, expected, options.batchSize);
  switch (intervention.kind) {
    case 'lowRankDelta': {
      const { path, down, up } = intervention;
      requirePath(intervention, path, [...linears.keys(), ...tables.keys()], layout);
      const [inputs, outputs] = kernelShape(path, layout);
      check('down', down, [inputs, anyLength], tables.has(path) ? shared : perExample);
      check('up', up, [down.shape.at(-1)!, outputs], perExample);
      return;
    }
    case 'weightDelta':
    case 'weightScale': {
      const path = modulePathOf(intervention.path, intervention.kind);
      requirePath(intervention, path, [...linears.keys(), ...tables.keys(), ...layout.norms], layout);
      const isNorm = layout.norms.has(path);
      const shape = isNorm ? [layout.hiddenSize] : kernelShape(path, layout);
      if (intervention.kind === 'weightDelta') {
        check('delta', intervention.delta, shape, isNorm ? perExample : shared);
        if (intervention.shares) check('shares', intervention.shares, [batchSize], shared);
      } else requireBroadcast(intervention, intervention.scale, shape);
      return;
    }
    case 'weightMagnitude': {
      requirePath(intervention, intervention.path, linears.keys(), layout);
      check('delta', intervention.delta, [linears.get(intervention.path)!.outputSize], perExample);
      return;
    }
    case 'biasDelta': {
      const path = modulePathOf(intervention.path, intervention.kind);
      requirePath(intervention, path, [...linears.keys(), ...layout.norms], layout);
      check('delta', intervention.delta, [linears.get(path)?.outputSize ?? layout.hiddenSize], perExample);
      return;
    }
    case 'inputGate':
    case 'outputGate': {
      requirePath(intervention, intervention.path, linears.keys(), layout);
      const { inputSize, outputSize } = linears.get(intervention.path)!;
      check('gate', intervention.gate, [intervention.kind === 'inputGate' ? inputSize : outputSize], perExample);
      return;
    }
    case 'activationDelta':
      return requirePath(intervention, intervention.path, linears.keys(), layout);
    case 'sublayerAdapter':
      return requirePath(intervention, intervention.path, layout.sublayers, layout);
    case 'keyValuePrefix': {
      const { path, keys, values } = intervention;
      requirePath(intervention, path, layout.attentions, layout);
      check('keys', keys, [layout.heads, anyLength, layout.headSize], perExample);
      check('values', values, [layout.heads, keys.shape.at(-2)!, layout.headSize], perExample);
      return;
    }
    case 'tokenPrefix':
      return check('embeddings', intervention.embeddings, [anyLength, layout.hiddenSize], perExample);
    case 'readout': {
      const { weight, bias, readout, hidden } = intervention;
      if (!layout.readouts.includes(readout)) throw readoutUnavailable(readout, layout.name, layout.readouts);
      const inputs = hidden ? hidden.weight.shape.at(-2)! : layout.hiddenSize;
      check('weight', weight, [anyLength, inputs], perExample);
      check('bias', bias, [weight.shape.at(-2)!], perExample);
      if (!hidden) return;
      check('hidden.weight', hidden.weight, [anyLength, layout.hiddenSize], perExample);
      check('hidden.bias', hidden.bias, [inputs], perExample);
    }
  }
}

function kernelShape(path: string, { linears, tables, hiddenSize }: HostLayout): readonly [number, number] {
  const linear = linears.get(path);
  return linear ? [linear.inputSize, linear.outputSize] : [tables.get(path)!, hiddenSize];
}

function requirePath({ kind }: Intervention, path: string, known: Iterable<string>, { name }: HostLayout): void {
  const paths = [...known];
  if (paths.includes(path)) return;
  const close = nearMisses(path, paths);
  throw new PeftError('INTERVENTION_PATH_UNKNOWN', {
    found: `${kind} at "${path}", which host "${name}" does not have`,
    expected: close.length > 0 ? `perhaps ${close.join(', ')}` : `a path such as ${paths[0]}`,
    fix: "take paths from the host's sites",
  });
}

function requireShape(
  intervention: Intervention,
  field: string,
  { shape }: tf.Tensor,
  expected: readonly number[],
  batchSize: number | undefined,
): void {
  const fits = (lengths: readonly number[]) =>
    lengths.length === expected.length &&
    lengths.every((length, axis) => (expected[axis] === anyLength ? length > 0 : length === expected[axis]));
  if (fits(shape)) return;
  if (batchSize !== undefined && shape[0] === batchSize && fits(shape.slice(1))) return;
  const plain = expected.map((length) => (length === anyLength ? 'n' : length)).join(', ');
  throw misshapen(
    intervention,
    field,
    shape,
    batchSize === undefined ? `[${plain}]` : `[${plain}] or [${batchSize}, ${plain}]`,
  );
}

function requireBroadcast(intervention: Intervention, { shape }: tf.Tensor, weight: readonly number[]): void {
  const offset = weight.length - shape.length;
  if (offset >= 0 && shape.every((length, axis) => length === 1 || length === weight[axis + offset])) return;
  throw misshapen(intervention, 'scale', shape, `a shape that broadcasts over [${weight.join(', ')}]`);
}

const misshapen = (intervention: Intervention, field: string, shape: readonly number[], expected: string) =>
  new PeftError('INTERVENTION_MISSHAPEN', {
    found: `${intervention.kind}${'path' in intervention ? ` at "${intervention.path}"` : ''}: ${field} has shape [${shape.join(', ')}]`,
    expected,
    fix: 'compare the plan of the method with the sites of this host',
  });

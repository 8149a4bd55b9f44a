import { type Host, PeftError } from '@tfjs-peft/peft-core';
import { type Preparation } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { type Candidates, expandUnits, type SelectionSettings, unitsOf, type Wanted } from './candidates.js';
import type { HostTensor } from './choose-tensors.js';
import { observeGradients } from './observe-gradients.js';
import { notFinite } from './select-largest.js';

/**
 * The entries with the largest scores by the gradient of the mean loss. For one batch it is one pass that ranks each tensor as its gradient comes up;
 * for several the gradients of one layer at a time are added up over all batches. So never more than one layer's dense gradients exist.
 * Errors: `SELECTION_NOT_FINITE`, `SELECTION_BATCHES_FEW`, and those of the objective.
 */
export async function rankByGradient(
  host: Host,
  wanted: readonly Wanted[],
  settings: SelectionSettings,
  preparation: Preparation,
): Promise<Candidates[]> {
  const groups = settings.batches === 1 ? [wanted] : groupByLayer(wanted);
  const ranked = new Map<HostTensor, Candidates>();
  for (const [index, group] of groups.entries()) {
    for (const found of await rankGroup(host, group, settings, preparation)) ranked.set(found.tensor, found);
    preparation.onProgress?.({ done: index + 1, total: groups.length });
  }
  return wanted.map(({ tensor }) => ranked.get(tensor) ?? withoutEntries(tensor));
}

/** A tensor that the loss does not reach at all. */
const withoutEntries = (tensor: HostTensor): Candidates => ({
  tensor,
  indices: new Int32Array(0),
  scores: new Float32Array(0),
  largest: 0,
});

async function rankGroup(
  host: Host,
  group: readonly Wanted[],
  settings: SelectionSettings,
  preparation: Preparation,
): Promise<Candidates[]> {
  const counts = new Map(group.map(({ tensor, count }) => [tensor, count]));
  const tensors = [...counts.keys()];
  const sums = new Map<HostTensor, tf.Tensor>();
  const bests = new Map<HostTensor, Best>();
  const rankTensor = (tensor: HostTensor, sum: tf.Tensor) =>
    bests.set(tensor, bestOf(host, tensor, sum, counts.get(tensor)!, settings));
  const { objective, others, shared } = preparation;
  try {
    let seen = 0;
    for await (const batch of preparation.batches) {
      observeGradients({ host, batch, objective, others, shared }, tensors, (tensor, gradient) => {
        const statistic = settings.selection === 'fisher' ? gradient.square() : gradient;
        if (settings.batches === 1) return void rankTensor(tensor, statistic);
        const before = sums.get(tensor);
        sums.set(tensor, tf.keep(before ? before.add(statistic) : statistic.clone()));
        before?.dispose();
      });
      seen++;
      if (seen === settings.batches) break;
    }
    if (seen < settings.batches) throw batchesFew(seen, settings.batches);
    for (const [tensor, sum] of sums) rankTensor(tensor, sum);
    return await Promise.all([...bests].map(([tensor, best]) => readBest(tensor, best, settings)));
  } finally {
    tf.dispose([...sums.values(), ...[...bests.values()].flatMap((best) => Object.values(best))]);
  }
}

/** On the device: scores and indices of the best units `[count]`, and the largest statistic and the sum of all `[2]`. */
interface Best {
  readonly scores: tf.Tensor;
  readonly units: tf.Tensor;
  readonly measured: tf.Tensor;
}

function bestOf(
  host: Host,
  tensor: HostTensor,
  statistic: tf.Tensor,
  count: number,
  settings: SelectionSettings,
): Best {
  const [, size] = unitsOf(tensor, settings.rows);
  const [scores, units, measured] = tf.tidy(() => {
    const score = scoreOf(host, tensor, statistic, settings);
    const perUnit = size === 1 ? score.flatten() : score.reshape([-1, size]).square().sum(1);
    const sizes = statistic.abs();
    const { values, indices } = tf.topk(perUnit, count / size);
    return [values, indices, tf.stack([sizes.max(), sizes.sum()])].map((found) => tf.keep(found));
  });
  return { scores: scores!, units: units!, measured: measured! };
}

function scoreOf(host: Host, { path }: HostTensor, statistic: tf.Tensor, { selection }: SelectionSettings): tf.Tensor {
  if (selection === 'movement') return host.weight(path).mul(statistic).neg();
  return selection === 'fisher' ? statistic : statistic.abs();
}

async function readBest(tensor: HostTensor, best: Best, { rows, selection }: SelectionSettings): Promise<Candidates> {
  const [scores, units, measured] = await Promise.all([best.scores.data(), best.units.data(), best.measured.data()]);
  const [largest, sum] = [measured[0]!, measured[1]!];
  if (!Number.isFinite(sum)) throw notFinite(`the gradient of ${tensor.path}`);
  const order = Int32Array.from(units, (_, index) => index).sort((a, b) => units[a]! - units[b]!);
  const [, size] = unitsOf(tensor, rows);
  return {
    tensor,
    indices: expandUnits(
      order.map((rank) => units[rank]!),
      size,
    ),
    scores: Float32Array.from(order, (rank) => scores[rank]!),
    largest: selection === 'fisher' ? Math.sqrt(largest) : largest,
  };
}

/** Tensors of a layer stay together; those of none are a group as well. */
function groupByLayer(wanted: readonly Wanted[]): (readonly Wanted[])[] {
  const groups = new Map<number | undefined, Wanted[]>();
  for (const item of wanted) groups.set(item.tensor.layer, [...(groups.get(item.tensor.layer) ?? []), item]);
  return [...groups.values()];
}

const batchesFew = (found: number, expected: number) =>
  new PeftError('SELECTION_BATCHES_FEW', {
    found: `${found} batches of training texts`,
    expected: `at least ${expected}, whose gradients are averaged`,
    fix: 'ask for fewer `batches`, or for smaller ones (`batchSize`)',
  });

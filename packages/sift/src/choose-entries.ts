import { type Host, PeftError, substream } from '@tfjs-peft/peft-core';
import { type Preparation, randomPermutation, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { type Candidates, expandUnits, type SelectionSettings, unitsOf, type Wanted } from './candidates.js';
import type { HostTensor } from './choose-tensors.js';
import { rankByGradient } from './rank-by-gradient.js';
import { selectLargest } from './select-largest.js';

/** The chosen places by the path of their tensor, ascending, and tensors without a gradient. */
export interface ChosenPlaces {
  readonly places: ReadonlyMap<string, Int32Array>;
  readonly skipped: readonly string[];
}

/** Below this share of the largest gradient of all, the gradient of a tensor is rounding: softmax ignores a key bias, say. */
const NOTHING = 1e-5;

/**
 * Chooses entries of the tensors before training (Song et al. 2023, arXiv 2312.11875). Equal scores: the earlier tensor, the lower index.
 * Errors: `SELECTION_NOT_FINITE`, `SELECTION_WITHOUT_GRADIENT`, `SELECTION_BATCHES_FEW`, and those of the objective.
 */
export async function chooseEntries(
  host: Host,
  wanted: readonly Wanted[],
  settings: SelectionSettings,
  preparation: Preparation,
): Promise<ChosenPlaces> {
  const total = wanted.reduce((sum, { count }) => sum + count, 0);
  const limits = wanted.map(({ tensor, count }) => ({
    tensor,
    count: settings.scope === 'all' ? Math.min(total, sizeOf(tensor.shape)) : count,
  }));
  const candidates = await rank(host, limits, settings, preparation);
  const largest = Math.max(...candidates.map((found) => found.largest ?? 1));
  if (!(largest > 0)) throw withoutGradient(wanted);
  const moving = candidates.filter((found) => (found.largest ?? 1) > NOTHING * largest);
  const skipped = candidates.filter((found) => !moving.includes(found)).map(({ tensor }) => tensor.path);
  const left = moving.filter(({ indices }) => indices.length > 0);
  const places = settings.scope === 'all' ? bestOfAll(left, total) : left;
  return { places: new Map(places.map(({ tensor, indices }) => [tensor.path, indices])), skipped };
}

async function rank(
  host: Host,
  wanted: readonly Wanted[],
  settings: SelectionSettings,
  preparation: Preparation,
): Promise<Candidates[]> {
  switch (settings.selection) {
    case 'random':
      return wanted.map(({ tensor, count }) => drawAtRandom(tensor, count, settings, preparation));
    case 'magnitude':
      return rankByMagnitude(host, wanted, settings);
    default:
      return rankByGradient(host, wanted, settings, preparation);
  }
}

/** Any entries, from the stream that all vertices of a simplex share. The scores make a choice among all tensors random too. */
function drawAtRandom(
  tensor: HostTensor,
  count: number,
  { rows }: SelectionSettings,
  { shared }: Preparation,
): Candidates {
  const [units, size] = unitsOf(tensor, rows);
  const order = randomPermutation(substream(shared, 'sift', tensor.path), units);
  const drawn = Array.from(order.slice(0, count / size), (unit, rank) => ({ unit, score: 1 - rank / units }));
  const scored = drawn.sort((a, b) => a.unit - b.unit);
  return {
    tensor,
    indices: expandUnits(
      Int32Array.from(scored, ({ unit }) => unit),
      size,
    ),
    scores: Float32Array.from(scored, ({ score }) => score),
  };
}

/** One weight after the other in host memory. */
async function rankByMagnitude(
  host: Host,
  wanted: readonly Wanted[],
  { rows }: SelectionSettings,
): Promise<Candidates[]> {
  const ranked: Candidates[] = [];
  for (const { tensor, count } of wanted) {
    const [units, size] = unitsOf(tensor, rows);
    const values = await host.weight(tensor.path).data();
    const scores = new Float32Array(units);
    for (let i = 0; i < values.length; i++) {
      if (size === 1) scores[i] = Math.abs(values[i]!);
      else scores[Math.floor(i / size)]! += values[i]! ** 2;
    }
    const best = selectLargest(scores, count / size, `the weight ${tensor.path}`);
    ranked.push({ tensor, indices: expandUnits(best, size), scores: Float32Array.from(best, (unit) => scores[unit]!) });
  }
  return ranked;
}

/** The largest scores of all tensors together. */
function bestOfAll(candidates: readonly Candidates[], total: number): Candidates[] {
  const scores = new Float32Array(candidates.reduce((sum, { indices }) => sum + indices.length, 0));
  const starts: number[] = [];
  let start = 0;
  for (const found of candidates) {
    starts.push(start);
    scores.set(found.scores, start);
    start += found.scores.length;
  }
  const chosen = selectLargest(scores, total, 'the scores of all tensors');
  return candidates.flatMap((found, index) => {
    const [from, end] = [starts[index]!, starts[index]! + found.indices.length];
    const own = chosen.filter((place) => place >= from && place < end).map((place) => place - from);
    if (own.length === 0) return [];
    return { ...found, indices: own.map((place) => found.indices[place]!), scores: new Float32Array(0) };
  });
}

const withoutGradient = (wanted: readonly Wanted[]) =>
  new PeftError('SELECTION_WITHOUT_GRADIENT', {
    found: `a loss that depends on none of ${wanted.length} tensors (${wanted[0]?.tensor.path ?? 'none'}, …)`,
    expected: 'a gradient to choose by',
    fix: 'train it beside a head whose first values are not zero, or choose by "magnitude" or "random"',
  });

import type { SplitSizes } from './protocols.js';

/** Row indices of train and dev, in the order of the permutation. */
export interface Cut {
  readonly train: readonly number[];
  readonly dev: readonly number[];
}

/** The first rows of the order train, the next are dev. */
export const cutPlain = (order: readonly number[], { train, dev }: SplitSizes): Cut => ({
  train: order.slice(0, train),
  dev: order.slice(train, train + dev),
});

/** The first rows of each class train, the next of it are dev; classes in the order in which they first occur, as LM-BFF writes them. */
export function cutPerClass(order: readonly number[], classes: readonly number[], { train, dev }: SplitSizes): Cut {
  const groups = new Map<number, number[]>();
  for (const row of order) {
    const group = groups.get(classes[row]!);
    if (group) group.push(row);
    else groups.set(classes[row]!, [row]);
  }
  const all = [...groups.values()];
  return {
    train: all.flatMap((rows) => rows.slice(0, train)),
    dev: all.flatMap((rows) => rows.slice(train, train + dev)),
  };
}

/** Like {@link cutPlain}, but with the class proportions of all rows in train and in dev. */
export function cutStratified(
  order: readonly number[],
  classes: readonly number[],
  sizes: SplitSizes,
  classCount: number,
): Cut {
  const available = countClasses(order, classes, classCount);
  const trainLeft = allocate(sizes.train, available, available);
  const devLeft = allocate(
    sizes.dev,
    available,
    available.map((count, label) => count - trainLeft[label]!),
  );
  const train: number[] = [];
  const dev: number[] = [];
  for (const row of order) {
    const label = classes[row]!;
    if (trainLeft[label]! > 0) {
      trainLeft[label]! -= 1;
      train.push(row);
    } else if (devLeft[label]! > 0) {
      devLeft[label]! -= 1;
      dev.push(row);
    }
  }
  return { train, dev };
}

/** How many of `rows` are of each class. */
export function countClasses(rows: readonly number[], classes: readonly number[], classCount: number): number[] {
  const counts = new Array<number>(classCount).fill(0);
  for (const row of rows) counts[classes[row]!]! += 1;
  return counts;
}

/**
 * Divides `total` in proportion to `weights` by largest remainders, with at most `capacity` each. Ties go to the lower class.
 * Requires `total` to be at most the sum of the capacities.
 */
function allocate(total: number, weights: readonly number[], capacity: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const quota = weights.map((weight) => (total * weight) / sum);
  const shares = quota.map((share, label) => Math.min(Math.floor(share), capacity[label]!));
  let rest = total - shares.reduce((a, b) => a + b, 0);
  while (rest > 0) {
    const open = shares
      .map((share, label) => ({ label, missing: quota[label]! - share }))
      .filter(({ label }) => shares[label]! < capacity[label]!);
    const neediest = open.reduce((best, next) => (next.missing > best.missing ? next : best));
    shares[neediest.label]! += 1;
    rest -= 1;
  }
  return shares;
}

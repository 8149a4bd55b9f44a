import { PeftError } from '@tfjs-peft/peft-core';

/**
 * How train and dev are cut from the training rows. The names are those of the command's `--protocol`.
 * - `fixed`: the first K of a permutation train, the next 1,000 are dev, as in UniPELT (Mao et al. 2021, arXiv 2110.07577).
 * - `same_k`: the first K train, the next K are dev: a true few-shot dev set (LM-BFF's reason, without its class balance).
 * - `budget`: K is all that is labelled; 0.3 : 1 of it is dev (after prefix-tuning's low-data design, arXiv 2101.00190).
 * - `per_class`: K per class train, the next K per class are dev, cut from numpy's legacy shuffle, as in LM-BFF (Gao et al. 2020, arXiv 2012.15723).
 * - `none`: the first K train, there is no dev.
 */
export type Protocol = 'fixed' | 'same_k' | 'budget' | 'per_class' | 'none';

/** All protocols of `splitTask`. */
export const protocols: readonly Protocol[] = ['fixed', 'same_k', 'budget', 'per_class', 'none'];

/** How many examples a split has, and which seed draws them. */
export interface SplitOptions {
  /** Number of training examples; per class under `per_class`, train and dev together under `budget`. */
  readonly k: number;
  /** Seeds the permutation. */
  readonly dataSeed: number;
  /** `same_k` by default. */
  readonly protocol?: Protocol;
  /** Size of the dev set under `fixed`; 1,000 by default. */
  readonly devSize?: number;
  /** Part of K that is dev under `budget`; by default 0.3 / 1.3. */
  readonly devFraction?: number;
  /** Keep the class proportions of the training rows; not with `per_class`, which balances classes itself. */
  readonly stratify?: boolean;
  /** Cut each test set to so many rows, always the same ones: for development, never for a reported number. */
  readonly testCap?: number | null;
}

/** How many rows a split takes; per class under `per_class`. */
export interface SplitSizes {
  readonly train: number;
  readonly dev: number;
}

/** Checks the options and gives the sizes of train and dev. Errors: `SPLIT_OPTION_INVALID`. */
export function splitSizes(options: SplitOptions): SplitSizes {
  const { k, protocol = 'same_k', devSize, devFraction, stratify = false, testCap } = options;
  checkCount('k', k);
  if (!protocols.includes(protocol)) throw invalid(`protocol "${protocol}"`, `one of ${protocols.join(', ')}`);
  if (devSize !== undefined && protocol !== 'fixed')
    throw invalid(`devSize with protocol ${protocol}`, 'protocol fixed');
  if (devFraction !== undefined && protocol !== 'budget')
    throw invalid(`devFraction with protocol ${protocol}`, 'protocol budget');
  if (stratify && protocol === 'per_class')
    throw invalid('stratify with protocol per_class', 'one of them: per_class balances the classes');
  if (testCap != null) checkCount('testCap', testCap);
  if (protocol === 'fixed') return { train: k, dev: checkCount('devSize', devSize ?? 1000) };
  if (protocol === 'none') return { train: k, dev: 0 };
  if (protocol !== 'budget') return { train: k, dev: k };
  const dev = Math.round((devFraction ?? 0.3 / 1.3) * k);
  if (!(dev >= 1 && dev < k))
    throw invalid(
      `k = ${k} with devFraction ${devFraction ?? '0.3 / 1.3'}: ${dev} dev rows of ${k}`,
      'at least one row in train and in dev',
    );
  return { train: k - dev, dev };
}

function checkCount(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw invalid(`${name} = ${value}`, 'a whole number of at least 1');
}

const invalid = (found: string, expected: string) =>
  new PeftError('SPLIT_OPTION_INVALID', { found, expected, fix: 'change the options of the split' });

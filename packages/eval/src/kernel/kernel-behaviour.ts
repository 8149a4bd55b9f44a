import { pairedDifference, type PairedDifference } from '../statistics/paired-difference.js';
import type { Interval } from '../statistics/summarise.js';

/** Metrics × 100 of the same splits, in one order. */
export interface BehaviourInput {
  /** Fine-tuning with the optimiser whose kernel is meant. */
  readonly fineTuned: readonly number[];
  /** Regression with the kernel before training. */
  readonly kernel: readonly number[];
  /** The trained model, linearised around its start. */
  readonly linearised: readonly number[];
  /** Relative change of the kernel by training, `‖K' - K‖ / ‖K‖`. */
  readonly featureChange: readonly number[];
}

/** What the splits say of one question. */
export type BehaviourVerdict = 'yes' | 'no' | 'cannot say';

/** Whether fine-tuning is what its kernel says (Malladi et al. 2023, section 3). */
export interface KernelBehaviour {
  /** The kernel's metric reaches `share` of that of fine-tuning. */
  readonly solved: BehaviourVerdict;
  /** The linearised model's metric does. */
  readonly linear: BehaviourVerdict;
  /** Intervals of metric minus what `share` of that of fine-tuning asks for. */
  readonly intervals: { readonly kernel: Interval | null; readonly linearised: Interval | null };
  /** Mean relative change of the kernel: small means fixed features. There is no line between small and large, so that it decides nothing here. */
  readonly featureChange: number;
  /** `yes` if both hold, `no` if one does not, `cannot say` where the splits do not decide. */
  readonly verdict: BehaviourVerdict;
}

/**
 * The first two of the three tests over splits, with t intervals: one that excludes 0 decides, as do differences that are all the same. Errors: `PAIRS_MISMATCH`.
 */
export function kernelBehaviour(
  { fineTuned, kernel, linearised, featureChange }: BehaviourInput,
  share = 0.9,
): KernelBehaviour {
  // A metric below zero, as Matthews' may be, is missed by what lies a tenth of its size below it as well.
  const wanted = fineTuned.map((value) => value - (1 - share) * Math.abs(value));
  const [ofKernel, ofLinear] = [pairedDifference(kernel, wanted), pairedDifference(linearised, wanted)];
  const [solved, linear] = [verdictOf(ofKernel), verdictOf(ofLinear)];
  return {
    solved,
    linear,
    intervals: { kernel: ofKernel.interval, linearised: ofLinear.interval },
    featureChange: featureChange.reduce((sum, value) => sum + value, 0) / Math.max(1, featureChange.length),
    verdict: solved === 'no' || linear === 'no' ? 'no' : solved === 'yes' && linear === 'yes' ? 'yes' : 'cannot say',
  };
}

function verdictOf({ n, mean, interval, verdict }: PairedDifference): BehaviourVerdict {
  // Equal differences have no interval, and say the same on every split.
  const isSame = n > 1 && interval === null && Number.isFinite(mean) && mean !== 0;
  if (verdict === 'not separated' && !isSame) return 'cannot say';
  return mean > 0 ? 'yes' : 'no';
}

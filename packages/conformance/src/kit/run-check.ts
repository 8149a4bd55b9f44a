import * as tf from '@tensorflow/tfjs';
import type { CheckResult } from '../options.js';
import type { CheckOutcome, ConformanceCheck, NegativeControl } from './check.js';
import { ConformanceFailure } from './failure.js';
import type { Subject } from './subject.js';

export type CheckVerdict = Pick<CheckResult, 'outcome' | 'message'>;

const passed: CheckVerdict = { outcome: 'passed', message: '' };

/** Runs a check, and then its controls: a check that cannot fail proves nothing. Never throws. */
export async function runCheck(check: ConformanceCheck, subject: Subject): Promise<CheckVerdict> {
  const exception = subject.options.exceptions?.[check.name];
  if (exception !== undefined) return { outcome: 'not applicable', message: exception };
  const verdict = await attempt(() => check.run(subject));
  if (verdict.outcome !== 'passed') return { outcome: verdict.outcome, message: verdict.message };
  for (const control of check.controls) {
    const fault = await runControl(check, control, subject);
    if (fault !== null)
      return { outcome: 'control did not fail', message: `a method that ${control.breaks}: ${fault}` };
  }
  return passed;
}

async function runControl(check: ConformanceCheck, control: NegativeControl, subject: Subject): Promise<string | null> {
  const leftOver: tf.Tensor[] = [];
  try {
    const broken = control.apply(subject, (tensor) => leftOver.push(tensor));
    if (!broken) return null;
    const { outcome, message, reason } = await attempt(() => check.run(broken));
    if (outcome === 'failed' && control.fails.test(reason ?? message)) return null;
    return outcome === 'failed' ? `fails for another reason: ${message}` : `the outcome is "${outcome}"`;
  } finally {
    tf.dispose(leftOver);
  }
}

/** `reason` is what an error says, without the names of files in its stack. */
async function attempt(run: () => Promise<CheckOutcome>): Promise<CheckVerdict & { readonly reason?: string }> {
  try {
    const outcome = await inScope(run);
    return outcome === undefined
      ? passed
      : { outcome: 'not applicable', message: outcome.replace(/^not applicable: /, '') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { outcome: 'failed', message: describe(error), reason };
  }
}

/** Rules broken are told as they are; of other errors, which no check expects, the stack matters as well. */
const describe = (error: unknown): string => {
  if (error instanceof ConformanceFailure) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
};

let queue: Promise<unknown> = Promise.resolve();

/**
 * Frees all tensors that `run` made and did not keep. Scopes of TensorFlow.js are a stack, so one check waits for the other; nothing else
 * should make tensors meanwhile.
 */
function inScope<T>(run: () => Promise<T>): Promise<T> {
  const result = queue.then(async () => {
    const { engine } = tf;
    engine().startScope('conformance');
    try {
      return await run();
    } finally {
      engine().endScope();
    }
  });
  queue = result.catch(() => undefined);
  return result;
}

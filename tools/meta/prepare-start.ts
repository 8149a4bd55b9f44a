import {
  createStream,
  type Host,
  initialValues,
  type NamedArrays,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import { type Episodes, fomaml, type MetaLearning, multitask, objectiveOfEpisodes, reptile } from '@tfjs-peft/meta';
import { type BatchSource, parseTrainConfig, prepareMethod, train } from '@tfjs-peft/train';

const rules = { multitask, fomaml, reptile };

/** Names of starts: as a method begins, and as each rule prepares it. */
export const starts: readonly string[] = ['none', ...Object.keys(rules)];

/** Which start, of what, on which episodes. */
export interface StartRequest<Targets> {
  readonly host: Host;
  readonly method: PeftMethod;
  /** One of {@link starts}. */
  readonly start: string;
  readonly source: BatchSource<Episodes<Targets>>;
  readonly setting: MetaLearning<Targets>;
  /** Updates, and their rate outside of the inner loop. */
  readonly steps: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** Raw values to learn held-out tasks from, and what they took: AdamW outside, four episodes an update. Errors: `OPTION_INVALID`, those of training. */
export async function prepareStart<Targets>(
  request: StartRequest<Targets>,
): Promise<{ readonly method: PeftMethod; readonly raw: NamedArrays; readonly seconds: number }> {
  const { host, method, start, source, setting, steps, learningRate, seed } = request;
  if (!starts.includes(start))
    throw new PeftError('OPTION_INVALID', { found: `start "${start}"`, expected: `one of ${starts.join(', ')}` });
  const from = performance.now();
  const [objective, batchSize] = [objectiveOfEpisodes(setting.objective), 4];
  if (start === 'none') {
    const stream = createStream(seed);
    const begun = await prepareMethod(method, { host, source, objective, batchSize, stream });
    return { method: begun, raw: initialValues(begun.plan(host.spec), stream), seconds: 0 };
  }
  const prepared = await train({
    host,
    method,
    source,
    objective,
    rule: rules[start as keyof typeof rules](setting),
    config: parseTrainConfig({ steps, batchSize, learningRate, patience: null }),
    seed,
  });
  return { method: prepared.method, raw: prepared.raw, seconds: (performance.now() - from) / 1000 };
}

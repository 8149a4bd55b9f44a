import { describeMethod, type Host, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import type { Objective, Optimiser } from '@tfjs-peft/peft-core/authoring';
import type { Json, JsonObject } from '@tfjs-peft/peft-core/files';
import type { BatchSource } from '../batches/batch-source.js';
import type { Evaluator } from '../evaluate/evaluator.js';
import type { UpdateRule } from '../step/update-rule.js';
import type { TrainConfig } from './train-config.js';

/** Everything that must be equal for one run to be the continuation of another, as plain data. */
export type RunIdentity = JsonObject;

export interface IdentifiedRun<Targets> {
  readonly host: Host;
  /** As it was given, before `prepare`. */
  readonly method: PeftMethod;
  readonly source: BatchSource<Targets>;
  readonly evaluator: Evaluator | null;
  readonly objective: Objective<Targets>;
  readonly optimiser: Optimiser;
  readonly rule?: UpdateRule<Targets>;
  /** Digest of the given initial values. */
  readonly initialDigest?: string;
  readonly config: TrainConfig;
  readonly seed: number;
}

export const identifyRun = <Targets>(run: IdentifiedRun<Targets>): RunIdentity =>
  // Through JSON, so that it compares equal to one that was stored.
  JSON.parse(
    JSON.stringify({
      seed: run.seed,
      config: run.config,
      method: describeMethod(run.method),
      host: run.host.spec.fingerprint,
      ...(run.host.spec.dropout && { hostDropout: run.host.spec.dropout }),
      objective: run.objective.id,
      optimiser: run.optimiser.id,
      ...(run.rule && { rule: run.rule.id }),
      ...(run.initialDigest !== undefined && { initial: run.initialDigest }),
      train: run.source.identity,
      dev: run.evaluator?.identity ?? null,
    }),
  ) as RunIdentity;

/** Errors: `CHECKPOINT_OF_ANOTHER_RUN`, with up to five of the values that differ. */
export function requireSameRun(stored: RunIdentity, current: RunIdentity, file: string): void {
  const differences = listDifferences(stored, current);
  if (differences.length === 0) return;
  const shown = differences.slice(0, 5).join('; ');
  throw new PeftError('CHECKPOINT_OF_ANOTHER_RUN', {
    found: `${file} belongs to another run: ${shown}${differences.length > 5 ? `; and ${differences.length - 5} more` : ''}`,
    expected: 'the same seed, configuration, method, host and data',
    fix: `go on with the settings it was made with, or start over in another folder or after removing ${file}`,
  });
}

function listDifferences(stored: Json | undefined, current: Json | undefined, path = ''): string[] {
  if (isTree(stored) && isTree(current)) {
    const [a, b] = [stored as JsonObject, current as JsonObject];
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => listDifferences(a[key], b[key], path ? `${path}.${key}` : key));
  }
  if (Object.is(stored, current)) return [];
  return [`${path} is ${show(stored)} there and ${show(current)} here`];
}

const isTree = (value: Json | undefined): boolean => typeof value === 'object' && value !== null;

function show(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

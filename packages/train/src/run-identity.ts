import {
  createStream,
  describeMethod,
  type Host,
  type Json,
  type JsonObject,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import type { LossKind } from './loss.js';
import type { TrainConfig } from './train-config.js';
import type { TrainingExample } from './training-request.js';

/** Everything that must be equal for one run to be the continuation of another, as plain data. */
export type RunIdentity = JsonObject;

export interface IdentifiedRun {
  readonly host: Host;
  /** After `prepare`. */
  readonly method: PeftMethod;
  readonly train: readonly TrainingExample[];
  readonly dev: readonly TrainingExample[];
  readonly loss: LossKind;
  readonly config: TrainConfig;
  readonly seed: number;
}

export const identifyRun = ({ host, method, train, dev, loss, config, seed }: IdentifiedRun): RunIdentity =>
  // Through JSON, so that it compares equal to one that was stored.
  JSON.parse(
    JSON.stringify({
      seed,
      config,
      method: describeMethod(method),
      host: host.spec.fingerprint,
      loss,
      train: { examples: train.length, digest: digestExamples(train) },
      dev: { examples: dev.length, digest: digestExamples(dev) },
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

/** A 64-bit digest (of SHA-256) over texts and labels in order, piece by piece to keep the strings small. */
function digestExamples(examples: readonly TrainingExample[]): string {
  const piece = 500;
  let digest = '';
  for (let start = 0; start < examples.length; start += piece) {
    const content = examples
      .slice(start, start + piece)
      .map(({ text, label }) => [text.inputIds, text.tokenTypeIds, label]);
    digest = createStream(digest + JSON.stringify(content))
      .key.map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  }
  return digest;
}

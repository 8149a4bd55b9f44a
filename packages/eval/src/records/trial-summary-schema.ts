import * as z from 'zod';
import { methodName } from '../config/experiment-config.js';
import type { TrialSummary } from './trial-summary.js';

/** Names of tasks, splits and metrics. */
const name = z.string().max(300);
const message = z.string().max(20_000);
const count = z.int().min(0);
/** JSON has no NaN: what could not be computed is null there. */
const measured = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const splitMetrics = z.object({
  headline: measured,
  metrics: z.record(name, measured),
  intervals: z.record(name, z.tuple([measured, measured])).optional(),
  undefined: count,
  rows: count,
});

/** Below the folder of the experiment, and nowhere else. */
export const trialPath = z.string().regex(/^trials\/[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/, 'trials/<name>');

/** `summary.json` of a trial, and an entry of `results.json`. */
export const trialSummary: z.ZodType<TrialSummary> = z.object({
  id: name,
  method: methodName,
  kind: z.enum(['floor', 'trained']),
  dataSeed: count,
  trainSeed: count,
  task: name,
  shots: count,
  status: z.enum(['done', 'failed']),
  error: z.object({ code: name, message, stack: message.optional() }).optional(),
  test: z.record(name, splitMetrics),
  headlineSplit: name,
  headlineMetric: name,
  dev: z.object({ headline: measured, step: count }).optional(),
  devMetric: name.optional(),
  selections: z
    .record(
      methodName,
      z.object({
        test: z.record(name, splitMetrics),
        dev: z.object({ headline: measured, step: count }),
        fileBytes: count,
      }),
    )
    .optional(),
  steps: count,
  stoppedEarly: z.boolean(),
  trainableParameters: count,
  effectiveParameters: count,
  trainSeconds: measured,
  seconds: measured,
  secondsPerStep: measured,
  fileBytes: count,
  peakMemoryBytes: measured,
  simplex: z
    .object({
      meanSquaredCosine: measured,
      rootMeanSquaredDistance: measured,
      midpointNorm: measured,
      vertexNorm: measured,
    })
    .optional(),
  splitHash: name,
  dataHash: name.optional(),
  configHash: name,
  hostFingerprint: name,
  backend: name,
  subset: z.boolean(),
  folder: trialPath,
  warnings: z.array(message),
});

import { createStream, type FoldedMethod, PeftError } from '@tfjs-peft/peft-core';
import {
  isResampled,
  type LabelledText,
  measureText,
  type MetricName,
  needsGeneration,
  type TestSet,
  type TextMeasures,
  textMetric,
} from '@tfjs-peft/glue-fewshot';
import { scoreTexts } from '@tfjs-peft/train';
import type { SplitMetrics } from '../records/trial-summary.js';
import { toLine } from '../run-folder/line-log.js';
import { drawIndices } from '../statistics/resample.js';
import type { Interval } from '../statistics/summarise.js';
import { atPoint } from './predict-at-point.js';
import { roundNumber } from './softmax.js';
import { type TextTaskData, tidy } from './task-data.js';
import type { TestRequest } from './test-request.js';
import { languageExamples, type TextSession } from './text-examples.js';
import type { TestOutput } from './write-predictions.js';
import { writeTexts } from './write-texts.js';

/**
 * Test sets of a task of texts: how likely the references are, and what is written where a metric looks at that. A simplex is tested at its midpoint or a vertex.
 * Errors: `TASK_UNFIT` for a random point, `TEXT_LIMIT_TOO_SMALL`, those of the method and of generation.
 */
export async function testTexts(request: TestRequest, data: TextTaskData): Promise<TestOutput[]> {
  const { method, effective, test } = request;
  if (test.point === 'random' || test.point === 'ensemble')
    throw new PeftError('TASK_UNFIT', {
      found: `test point "${test.point}" for task ${data.loaded.task.name}, whose answers are texts`,
      expected: 'midpoint or vertex:<number>: texts of several draws have no mean',
      fix: 'test the midpoint',
    });
  return atPoint(method, effective, test.point, async (point) => {
    const outputs: TestOutput[] = [];
    for (const set of data.tests) outputs.push(await testOne(request, data, set, point));
    return outputs;
  });
}

async function testOne(
  request: TestRequest,
  data: TextTaskData,
  { name, rows }: TestSet,
  point: FoldedMethod,
): Promise<TestOutput> {
  const { task } = data.loaded;
  const session = { ...request.session, data };
  const likelihoods = await scoreRows(session, request, name, rows, point);
  const { signal, batchSize, progress } = request;
  const texts = needsGeneration(task)
    ? await writeTexts(session, rows, point, { batchSize, onProgress: progress?.(`generate ${name}`), signal })
    : undefined;
  const measures = rows.map(({ references = [] }, index) =>
    measureText({ ...likelihoods[index]!, references, ...(texts && { text: texts[index]! }) }),
  );
  return {
    name,
    metrics: metricsOf(task, measures),
    lines: rows.map(({ row, references }, index) =>
      toLine({
        split: name,
        row,
        ...(texts && { text: texts[index] }),
        references,
        ...numbersOf(task.metrics, measures[index]!),
      }),
    ),
  };
}

/** What is measured of one row, with six significant digits: `log_probability` is the sum over its tokens. */
const numbersOf = (names: readonly MetricName[], measures: TextMeasures): Record<string, number> => ({
  log_probability: roundNumber(measures.logLikelihood),
  tokens: measures.tokens,
  bytes: measures.bytes,
  ...Object.fromEntries(
    names
      .filter((name) => name.startsWith('rouge') || name === 'bleu')
      .map((name) => [name, roundNumber(textMetric(name, [measures]))]),
  ),
});

async function scoreRows(
  session: TextSession,
  { progress, signal }: TestRequest,
  name: string,
  rows: readonly LabelledText[],
  point: FoldedMethod,
) {
  const { host } = session;
  const tell = progress?.(`score ${name}`);
  const scores: { logLikelihood: number; tokens: number; bytes: number }[] = [];
  for (const examples of languageExamples(session, rows)) {
    const { negativeLogLikelihood, tokens, bytes } = await scoreTexts({
      host,
      ...point,
      examples,
      ...(signal && { signal }),
    });
    scores.push({ logLikelihood: -negativeLogLikelihood, tokens, bytes: bytes ?? 0 });
    tell?.({ done: scores.length, total: rows.length });
  }
  return scores;
}

/** Values of all metrics of a task, and intervals of those that are sums over rows: percentiles over a thousand draws of the rows. */
function metricsOf(
  { metrics, headline }: { readonly metrics: readonly MetricName[]; readonly headline: MetricName },
  measures: readonly TextMeasures[],
): SplitMetrics {
  const values = Object.fromEntries(metrics.map((name) => [name, tidy(textMetric(name, measures))]));
  return {
    headline: values[headline]!,
    metrics: values,
    ...(measures.length > 1 && { intervals: intervalsOf(metrics.filter(isResampled), measures) }),
    undefined: 0,
    rows: measures.length,
  };
}

const draws = 1000;

function intervalsOf(names: readonly MetricName[], measures: readonly TextMeasures[]): Record<string, Interval> {
  const size = measures.length;
  const drawn = drawIndices(createStream('intervals of texts'), size, draws * size);
  const values = names.map(() => new Float64Array(draws));
  for (let draw = 0; draw < draws; draw++) {
    const rows = Array.from(drawn.subarray(draw * size, (draw + 1) * size), (index) => measures[index]!);
    names.forEach((name, at) => {
      values[at]![draw] = textMetric(name, rows);
    });
  }
  return Object.fromEntries(
    names.map((name, at) => {
      const sorted = values[at]!.sort();
      const end = (share: number) => tidy(sorted[Math.round(share * (draws - 1))]!);
      return [name, [end(0.025), end(0.975)] as const];
    }),
  );
}

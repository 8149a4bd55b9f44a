import { createStream, substream } from '@tfjs-peft/peft-core';
import { predictAtPoint } from './predict-at-point.js';
import { testLabels } from './task-data.js';
import type { TestRequest } from './test-request.js';
import { testTexts } from './test-texts.js';
import { describeLogits, type TestOutput } from './write-predictions.js';

/** All test sets of the session's task at one point of a method. Errors: those of {@link predictAtPoint} and of generation, `TASK_UNFIT`. */
export async function testAdapter(request: TestRequest): Promise<TestOutput[]> {
  const { session, method, effective, test, trainSeed, batchSize, progress, signal } = request;
  const { data, host } = session;
  if (data.kind === 'texts') return testTexts(request, data);
  const tested = await testLabels(data, session, (texts, name) =>
    predictAtPoint({
      host,
      method,
      effective,
      texts,
      test,
      stream: substream(createStream(trainSeed), 'draws-test', name),
      batchSize,
      regression: data.regression,
      ...(progress && { onProgress: progress(`evaluate ${name}`) }),
      ...(signal && { signal }),
    }),
  );
  return tested.map((each) => describeLogits(data, each));
}

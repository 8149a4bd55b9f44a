import { describe, expect, it } from '@jest/globals';
import type { Host } from '@tfjs-peft/peft-core';
import { accuracy, createToyHost, toyExamples, toyShift } from '../../test/toy-host.js';
import { labelledTexts } from '../batches/labelled-texts.js';
import { type ScoreFunction, scoreLogits } from '../evaluate/score-logits.js';
import { crossEntropy } from '../objectives/cross-entropy.js';
import { adamW } from '../optimisers/adamw.js';
import { identifyRun, requireSameRun } from './run-identity.js';
import { parseTrainConfig } from './train-config.js';

describe('what makes a run the continuation of another', () => {
  const toy = createToyHost();
  const examples = toyExamples(4, 'train');
  const objective = crossEntropy();
  const identityOf = ({
    dropout,
    score = accuracy,
    scoreName,
  }: {
    dropout?: number[];
    score?: ScoreFunction;
    scoreName?: string;
  }) =>
    identifyRun({
      host: { ...toy, spec: { ...toy.spec, ...(dropout && { dropout }) } } as Host,
      method: toyShift(),
      source: labelledTexts(examples, objective),
      evaluator: scoreLogits({ examples, objective, score, ...(scoreName && { scoreName }) }),
      objective,
      optimiser: adamW(),
      config: parseTrainConfig(),
      seed: 1,
    });
  const byLuck: ScoreFunction = () => ({ headline: 1, metrics: {} });

  it.each([
    ['dropout of the host', { dropout: [0.5, 0] }, /hostDropout/],
    ['the measure', { score: byLuck }, /dev\.score is "accuracy" there and "byLuck" here/],
    ['the name of the measure', { scoreName: 'f1' }, /dev\.score/],
  ])('is %s', (_name, change, message) => {
    expect(() => requireSameRun(identityOf({}), identityOf({}), 'file')).not.toThrow();
    expect(() => requireSameRun(identityOf({}), identityOf(change), 'file')).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT_OF_ANOTHER_RUN', message: expect.stringMatching(message) }),
    );
  });
});

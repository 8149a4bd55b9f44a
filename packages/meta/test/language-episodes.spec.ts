import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createStream, disposeParameters, initialValues, toParameters } from '@tfjs-peft/peft-core';
import { lora } from '@tfjs-peft/lora';
import { nextToken, parseTrainConfig, sgd, train, wholeText } from '@tfjs-peft/train';
import { createRandomDecoder, type DecoderHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import {
  adaptationCurve,
  type DomainTexts,
  fixedLanguageEpisodes,
  fomaml,
  languageEpisodes,
  objectiveOfEpisodes,
  rowsOfList,
} from '../src/index.js';

useTestBackend();

/** Domains that count up by steps of their own from any place. */
const domains = (count: number, texts = 12): DomainTexts[] =>
  Array.from({ length: count }, (_, domain) => ({
    name: `domain ${domain}`,
    examples: Array.from({ length: texts }, (_text, start) =>
      wholeText({ inputIds: Array.from({ length: 6 }, (_token, at) => 1 + ((start + at * (domain + 1)) % 20)) }),
    ),
  }));
const draw = { shots: 3, queries: 4 };

let host: DecoderHost;
beforeAll(async () => {
  host = await createRandomDecoder({ vocabSize: 24, hiddenSize: 16, numHiddenLayers: 1 }, 2);
});
afterAll(() => host.dispose());

describe('episodes of the next token', () => {
  it('draw different texts of one domain for support and query', () => {
    const source = languageEpisodes(domains(3), draw);
    const { targets: episodes } = source.batch(1, 3, createStream(1));
    expect(episodes.map(({ name }) => name).sort()).toEqual(['domain 0', 'domain 1', 'domain 2']);
    for (const { support, query } of episodes) {
      expect([support.texts.length, query.texts.length]).toEqual([3, 4]);
      expect(new Set([...support.texts, ...query.texts].map(({ inputIds }) => inputIds.join())).size).toBe(7);
      expect(support.targets.every((weights) => weights[0] === 0 && weights[1] === 1)).toBe(true);
    }
    expect(source.batch(1, 3, createStream(1))).toEqual(
      languageEpisodes(domains(3), draw).batch(1, 3, createStream(1)),
    );
    const fixed = fixedLanguageEpisodes(domains(2), draw, { perTask: 2, seed: 5 });
    expect(fixed).toEqual(fixedLanguageEpisodes(domains(2), draw, { perTask: 2, seed: 5 }));
    expect(fixed).not.toEqual(fixedLanguageEpisodes(domains(2), draw, { perTask: 2, seed: 6 }));
  });

  it('refuse domains that are too small, texts that stand twice left out, and none at all', () => {
    const [one] = domains(1, 6);
    expect(() => languageEpisodes([one!], draw)).toThrow('6 different texts');
    const twice = { ...one!, examples: [...one!.examples, ...one!.examples] };
    expect(() => fixedLanguageEpisodes([twice], draw, { perTask: 1, seed: 1 })).toThrow('6 different texts');
    expect(() => languageEpisodes([], draw)).toThrow('no tasks');
  });

  it('prepare a start that predicts a domain which nobody has seen better than an unprepared one', async () => {
    const method = lora({ rank: 4, targets: 'all-linear' });
    const all = domains(6);
    const setting = {
      objective: nextToken(),
      inner: { optimiser: sgd(), learningRate: 0.1, clipNorm: 1, batchSize: null },
      rows: rowsOfList<readonly number[]>,
    };
    const { raw } = await train({
      host,
      method,
      source: languageEpisodes(all.slice(0, 5), draw),
      objective: objectiveOfEpisodes(setting.objective),
      rule: fomaml({ ...setting, steps: 1 }),
      config: parseTrainConfig({ steps: 25, batchSize: 2, learningRate: 0.02, patience: null }),
      seed: 1,
    });
    const episodes = fixedLanguageEpisodes(all.slice(5), draw, { perTask: 2, seed: 1 });
    const lossAfter = async (start: typeof raw) => {
      const tensors = toParameters(start);
      const before = tf.memory().numTensors;
      const points = await adaptationCurve<readonly (readonly number[])[]>({
        ...setting,
        ...{ host, method, raw: tensors, episodes, at: [1], stream: createStream(1) },
      });
      expect(tf.memory().numTensors).toBe(before);
      disposeParameters(tensors);
      return points.reduce((sum, { loss }) => sum + loss, 0) / points.length;
    };
    const unprepared = await lossAfter(initialValues(method.plan(host.spec), createStream(1)));
    expect(await lossAfter(raw)).toBeLessThan(unprepared - 0.2);
  });
});

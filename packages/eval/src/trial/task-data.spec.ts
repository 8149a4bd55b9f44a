import { expect, it } from '@jest/globals';
import { parseExperiment } from '../config/experiment-config.js';
import { createCatalogue } from '../methods/plugins.js';
import { openTaskData } from './task-data.js';

it('the headline is among the metrics, also where it is the mean of several', async () => {
  const config = parseExperiment({
    version: 1,
    task: 'spam-subjects',
    methods: ['head'],
    metrics: { headline: 'glue_mean' },
  });
  const data = await openTaskData(config, [1], createCatalogue());
  if (data.kind !== 'labels') throw new Error('a task of labels');
  expect(data.headlineMetric).toBe('mean of accuracy and f1');
  const { headline, metrics } = data.score(new Float32Array([0, 1, 0, 1, 1, 0, 1, 0]), [1, 0, 0, 0]);
  expect(metrics[data.headlineMetric]).toBe(headline);
  expect(headline).toBeCloseTo((metrics['accuracy']! + metrics['f1']!) / 2, 9);
});

import { describe, expect, it } from '@jest/globals';
import { parseExperiment } from '@tfjs-peft/eval';
import { experimentFromOptions, type RunOptions } from './experiment-from-options.js';
import { experimentKeys } from './known-keys.js';

const build = (options: RunOptions, base?: Parameters<typeof experimentFromOptions>[2]) =>
  experimentFromOptions(options, experimentKeys, base);

describe('experimentFromOptions', () => {
  it('is a valid experiment with floors and three splits from a task alone', () => {
    const config = build({ task: 'spam-subjects' });
    expect(config).toEqual({
      version: 1,
      task: 'spam-subjects',
      methods: ['majority', 'linear-probe', 'prefix', 'prefix-subspace'],
      seeds: { data: [13, 21, 42] },
    });
    expect(parseExperiment(config).data.shots).toBe(100);
  });
  it('maps every option', () => {
    const config = build({
      task: 'sst2',
      data: 'glue',
      shots: 50,
      methods: ['head', 'majority'],
      seeds: '13,21',
      trainSeeds: '2',
      model: 'BAAI/bge-small-en-v1.5',
      steps: 20,
      protocol: 'fixed',
      testCap: 300,
      set: ['train.learningRate=1e-4', 'data.devSize=200'],
    });
    expect(config).toEqual({
      version: 1,
      task: 'sst2',
      data: { directory: 'glue', shots: 50, protocol: 'fixed', testCap: 300, devSize: 200 },
      model: { name: 'BAAI/bge-small-en-v1.5' },
      methods: ['linear-probe', 'head', 'majority'],
      train: { steps: 20, learningRate: 1e-4 },
      seeds: { data: [13, 21], train: [0, 1] },
    });
    expect(() => parseExperiment(config)).not.toThrow();
  });
  it('makes a task of a labelled file', () => {
    const config = build({ task: 'mails/my.csv', textColumn: 'subject', labelColumn: 'label', textPairColumn: 'body' });
    expect(config).toMatchObject({
      task: 'file',
      data: { file: { file: 'mails/my.csv', textColumn: 'subject', labelColumn: 'label', textPairColumn: 'body' } },
    });
    expect(() => parseExperiment(config)).not.toThrow();
  });
  it('leaves the floors out on request', () => {
    expect(build({ task: 'sst2', floors: false, methods: ['prefix'] }).methods).toEqual(['prefix']);
  });
  it('knows a floor under another name', () => {
    const base = { version: 1, task: 'sst2', methods: [{ name: 'floor', preset: 'majority' }, 'prefix'] };
    expect(build({}, base).methods).toEqual(['linear-probe', { name: 'floor', preset: 'majority' }, 'prefix']);
  });
  it('puts options over the file, settings over both, and keeps the rest of the file', () => {
    const base = {
      version: 1,
      task: 'rte',
      methods: ['prefix'],
      data: { shots: 10, stratify: true },
      train: { steps: 5, batchSize: 8 },
    };
    const config = build({ shots: 20, set: ['train.steps=7', 'data.shots=30'] }, base);
    expect(config).toMatchObject({
      task: 'rte',
      data: { shots: 30, stratify: true },
      train: { steps: 7, batchSize: 8 },
    });
    expect(config.seeds).toBeUndefined();
    expect(build({ seed: 42 }, base).seeds).toEqual({ data: [42] });
  });
  it('asks for a task, and refuses what contradicts itself', () => {
    expect(() => build({})).toThrow('no task');
    expect(() => build({ task: 'sst2', seed: 1, seeds: '2' })).toThrow('both --seed and --seeds');
    expect(() => build({ task: 'sst2', textColumn: 'a' })).toThrow('--text-column with the task "sst2"');
  });
});

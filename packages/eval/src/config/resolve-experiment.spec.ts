import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from '../methods/plugins.js';
import type { ExperimentConfigInput } from './experiment-config.js';
import { resolveExperiment } from './resolve-experiment.js';
import { hashTrial, trialFolderName, trialId } from './trial-config.js';

const base: ExperimentConfigInput = { version: 1, task: 'spam-subjects', methods: ['prefix'] };
const only = (changes: Partial<ExperimentConfigInput> = {}) => resolveExperiment({ ...base, ...changes }).trials[0]!;
const codeOf = (config: object) => {
  try {
    resolveExperiment(config as ExperimentConfigInput);
    return 'no error';
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
};

describe('resolveExperiment', () => {
  it('crosses seeds and methods, floors once a data seed', () => {
    const { trials } = resolveExperiment({
      ...base,
      methods: ['majority', 'prefix', 'head'],
      seeds: { data: [13, 21], train: [0, 1] },
    });
    expect(trials.map(({ method, seed }) => `${seed.data} ${seed.train} ${method.name}`)).toEqual([
      '13 0 majority',
      '13 0 prefix',
      '13 0 head',
      '13 1 prefix',
      '13 1 head',
      '21 0 majority',
      '21 0 prefix',
      '21 0 head',
      '21 1 prefix',
      '21 1 head',
    ]);
  });

  it('writes all defaults out, of data, training and methods', () => {
    const trial = only();
    expect(trial.data).toMatchObject({ shots: 100, protocol: 'same_k', maxTokens: 128, testCap: null });
    expect(trial.train).toMatchObject({
      learningRate: 3e-4,
      batchSize: 16,
      validation: { mode: 'midpoint', draws: 10 },
    });
    expect(trial.method).toMatchObject({
      kind: 'trained',
      description: {
        type: 'COMPOSE',
        parts: [
          { type: 'PREFIX_TUNING', config: { prefixLength: 10, mlpHiddenSize: 512, initialStandardDeviation: 0.05 } },
          { type: 'HEAD', config: { readout: null, dropout: 0 } },
        ],
      },
    });
    expect(JSON.stringify(trial.method)).not.toContain('labels');
    expect(JSON.parse(JSON.stringify(trial))).toEqual(trial);
  });

  it('takes training settings from the preset, then the experiment, then the method', () => {
    const { trials } = resolveExperiment({
      ...base,
      methods: [
        'prefix',
        'prefix-subspace',
        { name: 'slow', preset: 'prefix-subspace', train: { validation: { draws: 3 } } },
      ],
      train: { learningRate: 1e-3, validation: { resample: false } },
    });
    expect(trials.map(({ train }) => train)).toMatchObject([
      { learningRate: 1e-3, validation: { mode: 'midpoint', resample: false } },
      { learningRate: 1e-3, validation: { mode: 'stochastic', aggregate: 'pooled', draws: 10, resample: false } },
      { learningRate: 1e-3, validation: { mode: 'stochastic', draws: 3, resample: false } },
    ]);
  });

  it('takes presets and methods of plugins', () => {
    const plugin = {
      presets: [{ name: 'mine', summary: '', kind: 'trained' as const, method: { type: 'HEAD', config: {} } }],
    };
    const { trials } = resolveExperiment({ ...base, methods: ['mine'] }, createCatalogue([plugin]));
    expect(trials[0]!.method).toMatchObject({ name: 'mine', description: { type: 'HEAD' } });
  });

  it('names what is wrong and what was probably meant', () => {
    expect(codeOf({ ...base, methods: ['prefix-subspce'] })).toMatch(/^UNKNOWN_PRESET: .*"prefix-subspace"/);
    expect(codeOf({ ...base, methods: [{ name: 'x', method: { type: 'PREFIX_TUNNING', config: {} } }] })).toMatch(
      /^UNKNOWN_METHOD: .*PREFIX_TUNING/,
    );
    expect(
      codeOf({ ...base, methods: [{ name: 'x', method: { type: 'PREFIX_TUNING', config: { prefixLenght: 3 } } }] }),
    ).toMatch(/^CONFIG_INVALID: .*prefixLength/);
    expect(codeOf({ ...base, train: { learnRate: 1 } })).toMatch(/^CONFIG_INVALID: .*learningRate/);
    expect(codeOf({ ...base, data: { shotz: 1 } })).toMatch(/^CONFIG_INVALID: .*data\.shotz/);
    expect(codeOf({ ...base, version: 2 })).toMatch(/^CONFIG_INVALID: .*version must be 1/);
    expect(codeOf({ ...base, task: 'sst3' })).toMatch(/^UNKNOWN_TASK: .*sst2/);
    expect(codeOf({ ...base, task: 'file' })).toMatch(/^CONFIG_INVALID: .*data\.file/);
    expect(codeOf({ ...base, data: { file: { file: 'a.csv', textColumn: 'a', labelColumn: 'b' } } })).toMatch(
      /^CONFIG_INVALID: .*"file"/,
    );
    expect(codeOf({ ...base, methods: ['head', 'head'] })).toMatch(/^METHOD_NAME_TAKEN: .*"head"/);
    expect(codeOf({ ...base, seeds: { data: [1, 1] } })).toMatch(/^SEED_REPEATED: .*seeds\.data has 1 twice/);
    expect(codeOf({ ...base, methods: [{ name: 'x', preset: 'head', method: { type: 'HEAD' } }] })).toMatch(
      /^CONFIG_INVALID/,
    );
    expect(codeOf({ ...base, methods: [{ name: '../x', preset: 'head' }] })).toMatch(/^CONFIG_INVALID/);
    expect(codeOf({ ...base, test: { point: 'vertex' } })).toMatch(/^CONFIG_INVALID: .*vertex:<number>/);
  });
});

describe('trialId', () => {
  const file = (path: string) => ({ task: 'file', data: { file: { file: path, textColumn: 'a', labelColumn: 'b' } } });

  it('is 12 hexadecimal digits of a hash over everything that changes the result', () => {
    expect(trialId(only())).toMatch(/^[0-9a-f]{12}$/);
    expect(trialFolderName(only())).toBe(`prefix-13-0-${trialId(only())}`);
    const ids = [
      only(),
      only({ task: 'sst2' }),
      only({ data: { shots: 99 } }),
      only({ train: { learningRate: 1 } }),
      only({ seeds: { data: [14] } }),
      only({ seeds: { train: [1] } }),
      only({ methods: ['prefix-flat'] }),
      only({ model: { readout: 'cls' } }),
      only({ test: { point: 'random' } }),
    ].map(hashTrial);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('does not depend on folders, on the name of the method or on defaults that are written out', () => {
    expect(trialId(only({ data: { directory: '/a' } }))).toBe(trialId(only()));
    expect(trialId(only({ model: { name: './a/bert' } }))).toBe(trialId(only({ model: { name: '/b/bert' } })));
    expect(trialId(only({ model: { name: 'a/bert' } }))).not.toBe(trialId(only({ model: { name: 'b/bert' } })));
    expect(trialId(only(file('/x/rows.csv')))).toBe(trialId(only(file('rows.csv'))));
    expect(trialId(only(file('/x/rows.csv')))).not.toBe(trialId(only(file('other.csv'))));
    expect(trialId(only({ methods: [{ name: 'another', preset: 'prefix' }] }))).toBe(trialId(only()));
    expect(trialId(only({ data: { shots: 100 } }))).toBe(trialId(only()));
  });
});

import { describe, expect, it } from '@jest/globals';
import type { CellResults } from './grid-folder.js';
import { analyseItems } from './item-analysis.js';
import type { RecordedRun } from './recorded-runs.js';

/** A run that is right on these of 200 items. */
function run(
  method: string,
  dataSeed: number,
  isRight: (item: number) => boolean,
  { splitHash = 'a', trainSeed = 0, kind = 'trained' } = {},
): RecordedRun {
  const labels = Array.from({ length: 200 }, (_, item) => item % 2);
  const logits = labels.flatMap((label, item) => (isRight(item) === (label === 0) ? [1, 0] : [0, 1]));
  const result = { method, kind, dataSeed, trainSeed, splitHash, headlineMetric: 'accuracy' };
  const item = { rows: labels.map((_, row) => row), labels, logits: Float32Array.from(logits), columns: 2 };
  return { result, item, labels: ['no', 'yes'], regression: false } as unknown as RecordedRun;
}

const analysisOf = (runs: readonly RecordedRun[]) =>
  analyseItems({ cell: { id: 'c' } } as CellResults, runs, 'base').find(({ method }) => method === 'arm')!;
const runsOf = (runs: readonly RecordedRun[]) => analysisOf(runs).runs;

describe('runs of an arm against those of the reference', () => {
  const bases = [1, 2, 3].map((seed) => run('base', seed, (item) => item < 100));

  it('count where one is right on more items than chance gives', () => {
    const arms = [
      run('arm', 1, (item) => item < 140),
      run('arm', 2, (item) => item < 60),
      run('arm', 3, (item) => item < 102),
    ];
    expect(runsOf([...bases, ...arms])).toEqual({ pairs: 3, better: 1, worse: 1 });
  });

  it('are corrected for their number', () => {
    // Six items more: p = 0.031, which one pair alone would call separated and one of three does not.
    const arms = [1, 2, 3].map((seed) => run('arm', seed, (item) => item < (seed === 1 ? 106 : 100)));
    expect(runsOf([bases[0]!, arms[0]!])).toEqual({ pairs: 1, better: 1, worse: 0 });
    expect(runsOf([...bases, ...arms])).toEqual({ pairs: 3, better: 0, worse: 0 });
  });

  it('are paired on equal splits only', () => {
    expect(runsOf([...bases, run('arm', 1, () => true, { splitHash: 'other' })])).toBeNull();
  });

  it('of a floor are those of its only run, under every training seed', () => {
    const floor = run('base', 1, (item) => item < 100, { kind: 'floor' });
    const arms = [0, 1].map((trainSeed) => run('arm', 1, (item) => item < 140, { trainSeed }));
    expect(runsOf([floor, ...arms])).toEqual({ pairs: 2, better: 2, worse: 0 });
  });
});

describe('the difference of an arm to the reference', () => {
  it.each(['accuracy', 'f1'])('is over training seeds that both finished: %s', (headlineMetric) => {
    const withMetric = (one: RecordedRun) => ({ ...one, result: { ...one.result, headlineMetric } as never });
    // Seed 1 is easy, and the reference failed on it.
    const right = (share: number) => (item: number) => item < share;
    const bases = [1, 2].map((seed) => withMetric(run('base', seed, right(100 + seed))));
    const alone = [1, 2].map((seed) => withMetric(run('arm', seed, right(104 + seed))));
    const easy = [1, 2].map((seed) => withMetric(run('arm', seed, right(190), { trainSeed: 1 })));
    const found = analysisOf([...bases, ...alone, ...easy]).difference!;
    expect(found).toEqual(analysisOf([...bases, ...alone]).difference);
    if (headlineMetric === 'accuracy') expect(found.value).toBeCloseTo(2, 9);
    expect(analysisOf([...bases, ...easy]).difference).toBeNull();
  });
});

describe('calibration of an arm', () => {
  it('is over rows with finite logits', () => {
    const whole = run('arm', 1, (item) => item < 150);
    const spoilt = (one: RecordedRun, count: number): RecordedRun => ({
      ...one,
      item: { ...one.item!, logits: one.item!.logits.map((value, at) => (at < count ? NaN : value)) },
    });
    const { brier } = analysisOf([spoilt(whole, 100)]).calibration!;
    expect(brier).toBeGreaterThan(analysisOf([whole]).calibration!.brier);
    expect(analysisOf([spoilt(whole, 400)]).calibration).toBeNull();
    expect(
      analysisOf([
        whole,
        spoilt(
          run('arm', 2, () => true),
          400,
        ),
      ]).calibration,
    ).toEqual(analysisOf([whole]).calibration);
  });
});

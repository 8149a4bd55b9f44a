import { describe, expect, it } from '@jest/globals';
import type { ExperimentEvent, TrialReference } from '@tfjs-peft/eval';
import type { TrialSummary } from '@tfjs-peft/eval/run-folder';
import { fakeIo } from '../../test/fake-io.js';
import { formatTimeLeft } from './format-time-left.js';
import { createProgressState } from './progress-state.js';
import { reportProgress } from './report-progress.js';

const trial = (index: number, kind: 'floor' | 'trained' = 'trained'): TrialReference => ({
  id: String(index),
  method: kind === 'floor' ? 'majority' : 'prefix',
  kind,
  dataSeed: 13 + index,
  trainSeed: 0,
  index,
  folder: `t${index}`,
});
const summary = {
  status: 'done',
  headlineSplit: 'test',
  headlineMetric: 'accuracy',
  test: { test: { headline: 55.13 } },
} as unknown as TrialSummary;
const end = (index: number, reused = false, kind?: 'floor'): ExperimentEvent => ({
  type: 'trial-end',
  trial: trial(index, kind),
  summary,
  reused,
});
const step = (index: number, at: number): ExperimentEvent => ({
  type: 'train',
  trial: trial(index),
  event: { type: 'step', step: at, steps: 100, loss: 0.5 } as never,
});

describe('createProgressState', () => {
  it('estimates the time left from the share of the work that is done', () => {
    let now = 0;
    const state = createProgressState(() => now);
    state.add({ type: 'plan', trials: [trial(0), trial(1)], finished: [] });
    expect(state.snapshot()).toMatchObject({ done: 0, total: 2, fraction: 0, secondsLeft: null });
    state.add({ type: 'trial-start', trial: trial(0) });
    now = 10;
    state.add(step(0, 50));
    expect(state.snapshot().fraction).toBeCloseTo(0.225);
    state.add(end(0));
    expect(state.snapshot()).toMatchObject({ done: 1, fraction: 0.5, secondsLeft: 10 });
  });
  it('does not count runs that were there already as speed', () => {
    let now = 0;
    const state = createProgressState(() => now);
    state.add({ type: 'plan', trials: [trial(0), trial(1), trial(2)], finished: ['0'] });
    state.add(end(0, true));
    expect(state.snapshot()).toMatchObject({ done: 1, total: 3, fraction: 0 });
    state.add({ type: 'trial-start', trial: trial(1) });
    now = 30;
    state.add(end(1));
    expect(state.snapshot()).toMatchObject({ done: 2, fraction: 0.5, secondsLeft: 30 });
  });
  it('does not count what a resumed run had done before', () => {
    let now = 0;
    const state = createProgressState(() => now);
    state.add({ type: 'plan', trials: [trial(0)], finished: [] });
    state.add({ type: 'trial-start', trial: trial(0) });
    state.add({ type: 'train', trial: trial(0), event: { type: 'start', steps: 100, resumedFrom: 50 } as never });
    now = 10;
    state.add(step(0, 75));
    expect(state.snapshot().fraction).toBeCloseTo(0.225 / 0.55);
    expect(state.snapshot().secondsLeft).toBeCloseTo((10 * 0.325) / 0.225);
  });
  it('says what is going on and never goes back', () => {
    const state = createProgressState(() => 0);
    state.add({ type: 'plan', trials: [trial(0)], finished: [] });
    expect(state.add({ type: 'phase', text: 'loading host minilm' })).toBe(true);
    expect(state.snapshot().text).toBe('loading host minilm');
    state.add({
      type: 'train',
      trial: trial(0),
      event: { type: 'evaluation', step: 40, steps: 100, loss: 0.4, headline: 81.25 } as never,
    });
    state.add(step(0, 20));
    expect(state.snapshot().fraction).toBeCloseTo(0.36);
    expect(state.snapshot().text).toBe('prefix, data seed 13: step 20 of 100, loss 0.50, dev 81.3');
    state.add({ type: 'progress', trial: trial(0), what: 'evaluate test', done: 400, total: 800 });
    expect(state.snapshot().fraction).toBeCloseTo(0.95);
  });

  it('measures each plan by itself', () => {
    let seconds = 0;
    const state = createProgressState(() => seconds);
    state.add({ type: 'plan', trials: [trial(0), trial(1)], finished: [] });
    state.add({ type: 'trial-start', trial: trial(0) });
    seconds = 1000;
    for (const index of [0, 1]) state.add(end(index, false));
    expect(state.snapshot()).toMatchObject({ done: 2, secondsLeft: 0 });
    state.add({ type: 'plan', trials: [trial(0), trial(1)], finished: [] });
    expect(state.snapshot()).toMatchObject({ done: 0, total: 2, fraction: 0, secondsLeft: null });
    state.add({ type: 'trial-start', trial: trial(0) });
    seconds = 1010;
    state.add(end(0, false));
    expect(state.snapshot()).toMatchObject({ done: 1, secondsLeft: 10 });
  });
});

describe('reportProgress', () => {
  it('writes lines to standard error, phases at once, and the floor when it is known', async () => {
    const { io, texts } = fakeIo();
    const progress = await reportProgress(io, { quiet: false });
    progress.onEvent({ type: 'phase', text: 'reading task spam-subjects' });
    progress.onEvent({ type: 'plan', trials: [trial(0, 'floor'), trial(1)], finished: [] });
    progress.onEvent(end(0, false, 'floor'));
    progress.onEvent({ type: 'warning', text: 'bad \u001b[31m news' });
    progress.stop();
    expect(texts.out).toBe('');
    expect(texts.err).toContain('reading task spam-subjects');
    expect(texts.err).toContain('floor majority: 55.1 accuracy on test (data seed 13)');
    expect(texts.err).toContain('warning: bad  [31m news');
  });
  it('says a warning of many runs once, and at the end how often it came', async () => {
    const { io, texts } = fakeIo();
    const progress = await reportProgress(io, { quiet: true });
    for (const index of [0, 1, 2]) progress.onEvent({ type: 'warning', trial: trial(index), text: 'left out: a.bias' });
    progress.onEvent({ type: 'warning', text: 'watch out' });
    progress.stop();
    expect(texts.err).toMatch(
      /^warning: .*: left out: a\.bias\nwarning: watch out\nwarning, 2 times more: left out: a\.bias\n$/,
    );
  });
  it('says nothing but warnings when quiet', async () => {
    const { io, texts } = fakeIo();
    const progress = await reportProgress(io, { quiet: true });
    progress.onEvent({ type: 'phase', text: 'reading' });
    progress.onEvent(end(0, false, 'floor'));
    progress.onEvent({ type: 'warning', text: 'watch out' });
    progress.stop();
    expect(texts.err).toBe('warning: watch out\n');
  });
});

describe('formatTimeLeft', () => {
  it('rounds so that it does not flicker', () => {
    expect([1, 42, 125, 599, 700, 4000].map(formatTimeLeft)).toEqual([
      'about 5 s left',
      'about 45 s left',
      'about 2 min 10 s left',
      'about 10 min left',
      'about 12 min left',
      'about 1 h 07 min left',
    ]);
  });
});

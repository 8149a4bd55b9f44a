import { describe, expect, it } from '@jest/globals';
import { type BehaviourResult, behaviourTable } from '../kernel/behaviour-table.js';
import { holdOut } from '../meta/hold-out.js';
import { groupRuns } from '../options/group-runs.js';

describe('holdOut', () => {
  it.each([4, 6, 7, 10, 12, 20])('parts %i tasks in two that share none', (count) => {
    const tasks = Array.from({ length: count }, (_, task) => task);
    const drawn = [1, 2, 3, 4, 5].map((seed) => holdOut(tasks, 3, seed));
    for (const { seen, heldOut } of drawn) {
      expect(heldOut).toHaveLength(3);
      expect([...seen, ...heldOut].sort((a, b) => a - b)).toEqual(tasks);
    }
    expect(new Set(drawn.map(({ heldOut }) => heldOut.join())).size).toBeGreaterThan(1);
  });
});

describe('tables of runs', () => {
  const run = (seed: number, steps: number, value: number) => ({ task: 'sst2', seed, steps, value });
  it('show what differs, and average over seeds alone', () => {
    const { columns, groups } = groupRuns([run(13, 100, 1), run(21, 100, 2), run(13, 10, 9)], ['task'], ['steps']);
    expect(columns).toEqual(['task', 'steps']);
    expect(groups.map(({ cells, own }) => [cells, own.length])).toEqual([
      [['sst2', '100'], 2],
      [['sst2', '10'], 1],
    ]);
    expect(groupRuns([run(13, 100, 1), run(21, 100, 2)], ['task'], ['steps']).columns).toEqual(['task']);
  });

  it('of behaviour have a row for each number of steps', () => {
    const result = (seed: number, steps: number, testCap: number, value: number) =>
      ({
        ...{ task: 'sst2', start: 'head', shots: 16, seed, steps, testCap, seconds: 1, headAlone: 50 },
        optimisers: [{ optimiser: 'sgd', fineTuned: value, kernel: value, linearised: value, featureChange: 0.1 }],
      }) as unknown as BehaviourResult;
    const lines = behaviourTable([result(13, 100, 400, 80), result(21, 100, 400, 82), result(13, 10, 40, 50)]).split(
      '\n',
    );
    expect(lines[0]).toContain('| steps | test texts |');
    expect(lines.slice(2).map((line) => line.split(' | ').slice(3, 6))).toEqual([
      ['100', '400', '2'],
      ['10', '40', '1'],
    ]);
    expect(lines[2]).toMatch(/81\.0/);
  });
});

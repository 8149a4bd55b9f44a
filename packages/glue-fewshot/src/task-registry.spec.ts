import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { inventedTask } from '../test/invented-task.js';
import { glueTasks } from './glue-tasks.js';
import { spamSubjects } from './spam-subjects.js';
import { classOf, outputSize } from './task.js';
import { createTaskRegistry, describeTask, loadTask } from './task-registry.js';

describe('the task registry', () => {
  const registry = createTaskRegistry([...glueTasks, spamSubjects]);

  it('finds tasks by any usual spelling', () => {
    for (const name of ['sst2', 'SST-2', 'Sst_2']) expect(registry.get(name).name).toBe('sst2');
    expect(registry.get('sts-b').name).toBe('stsb');
    expect([...registry.tasks.keys()]).toEqual([
      'cola',
      'sst2',
      'mrpc',
      'qqp',
      'stsb',
      'mnli',
      'qnli',
      'rte',
      'wnli',
      'spam-subjects',
    ]);
  });

  it('names near misses of an unknown task', async () => {
    const error = await errorOf(() => registry.get('mrcp'));
    expect([error.code, error.message]).toEqual([
      'UNKNOWN_TASK',
      expect.stringMatching(/task "mrcp".*one of cola.*did you mean "mrpc"\?/),
    ]);
    expect((await errorOf(() => loadTask(registry, 'entirely-else'))).code).toBe('UNKNOWN_TASK');
  });

  it('is open: a task of one’s own is loaded like the others', async () => {
    const { train, tests } = inventedTask([0, 1]);
    const own = {
      ...inventedTask([]).task,
      name: 'own',
      read: async () => ({ train, tests, subset: false, files: [], notes: [] }),
    };
    const more = registry.with(own);
    expect((await loadTask(more, 'own')).train).toBe(train);
    expect(registry.tasks.has('own')).toBe(false);
    expect((await errorOf(() => more.with({ ...own, name: 'OWN' }))).code).toBe('TASK_DUPLICATE');
  });

  it('describes tasks as plain JSON', () => {
    const all = [...registry.tasks.values()].map(describeTask);
    expect(JSON.parse(JSON.stringify(all))).toEqual(all);
    expect(all.find(({ name }) => name === 'mnli')).toMatchObject({
      fields: ['premise', 'hypothesis'],
      labels: ['entailment', 'neutral', 'contradiction'],
      tests: ['matched', 'mismatched'],
      sizes: { train: 392702, tests: [9815, 9832] },
    });
    const labels = Object.fromEntries(all.map((task) => [task.name, task.labels]));
    expect(labels).toMatchObject({
      cola: ['unacceptable', 'acceptable'],
      sst2: ['negative', 'positive'],
      mrpc: ['not_equivalent', 'equivalent'],
      qqp: ['not_duplicate', 'duplicate'],
      qnli: ['entailment', 'not_entailment'],
      rte: ['entailment', 'not_entailment'],
      wnli: ['not_entailment', 'entailment'],
      'spam-subjects': ['ham', 'spam'],
    });
    expect(all.find(({ name }) => name === 'stsb')!.labels).toEqual({ range: [0, 5] });
    expect(Object.fromEntries(all.map(({ name, headline }) => [name, headline]))).toEqual({
      cola: 'matthews',
      sst2: 'accuracy',
      mrpc: 'f1',
      qqp: 'f1',
      stsb: 'spearman',
      mnli: 'accuracy',
      qnli: 'accuracy',
      rte: 'accuracy',
      wnli: 'accuracy',
      'spam-subjects': 'accuracy',
    });
    expect([...registry.tasks.values()].map(outputSize)).toEqual([2, 2, 2, 2, 1, 3, 2, 2, 2, 2]);
  });

  it('counts STS-B scores as classes at 2.5', () => {
    const { output } = registry.get('stsb');
    expect([0, 2.49, 2.5, 5].map((score) => classOf(output, score))).toEqual([0, 0, 1, 1]);
  });
});

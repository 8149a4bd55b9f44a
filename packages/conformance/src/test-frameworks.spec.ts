import { describe, expect, it } from '@jest/globals';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { denseDelta, denseDeltaDefinition } from '../test/dense-delta.js';
import { conformanceChecks, type ConformanceOptions, describePeftMethod } from './index.js';

useTestBackend();

const options: ConformanceOptions = { definitions: [denseDeltaDefinition], identityAtStart: true, mergeable: true };

/** Collects tests as a framework does; `run` hands a context to each, as Vitest and node:test do. */
function collect(factory: Parameters<typeof describePeftMethod>[1], used: Partial<ConformanceOptions>) {
  const titles: string[] = [];
  const tests = new Map<string, (...context: unknown[]) => Promise<void>>();
  describePeftMethod(
    'mine',
    factory,
    { ...options, ...used },
    {
      describe: (title, body) => {
        titles.push(title);
        body();
      },
      it: (title, body) => tests.set(title.split(':')[0]!, body),
    },
  );
  return { titles, tests };
}

describe('describePeftMethod', () => {
  it('makes a test for each check, none of which waits for a callback', () => {
    const { titles, tests } = collect(() => denseDelta(), {});
    expect(titles).toEqual(['mine', 'on bert']);
    expect([...tests.keys()]).toEqual(conformanceChecks.map(({ name }) => name));
    for (const body of tests.values()) expect(body.length).toBe(0);
  });

  it('skips with the reason where the framework can, passes elsewhere', async () => {
    const { tests } = collect(() => denseDelta(), { only: ['hf-files', 'combine'] });
    const reasons: string[] = [];
    await tests.get('hf-files')!({ skip: (reason: string) => reasons.push(reason) });
    await tests.get('combine')!();
    expect(reasons).toEqual(['the method has no file format of HF peft']);
  });

  it('fails a test with the name of the check and the reason', async () => {
    const { tests } = collect(() => denseDelta(), { only: ['merge'], mergeable: false });
    await expect(tests.get('merge')!()).rejects.toThrow('merge: failed: merging is not refused');
  });

  it('fails every test of a method that cannot be made', async () => {
    const broken = () => {
      throw new RangeError('no such method');
    };
    const { tests } = collect(broken, { only: ['merge', 'combine'] });
    for (const body of tests.values()) await expect(body()).rejects.toThrow('no such method');
  });
});

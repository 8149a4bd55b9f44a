import type { Host } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { selectChecks } from './check-peft-method.js';
import { ConformanceFailure } from './kit/failure.js';
import { runCheck } from './kit/run-check.js';
import { createSubject, type Subject } from './kit/subject.js';
import { tinyHost } from './kit/tiny-host.js';
import type { ConformanceHost, ConformanceOptions, MethodFactory } from './options.js';

/** What the kit uses of a test framework: Jest's, Vitest's and node:test's functions fit. */
export interface TestFramework {
  /** Groups the tests of `body`, which is called at once. */
  describe(title: string, body: () => void): unknown;
  /** Hands a context to the body in Vitest and node:test. */
  it(title: string, body: (...context: unknown[]) => Promise<void>): unknown;
}

/**
 * One suite for a method: a test for each check and host. `framework` is what is found among the globals (Jest) if absent.
 * Errors, at once: `CHECK_UNKNOWN`; a plain error without a framework. Broken rules fail their tests with a {@link ConformanceFailure}.
 */
export function describePeftMethod(
  name: string,
  factory: MethodFactory,
  options: ConformanceOptions,
  framework: TestFramework = globalFramework(),
): void {
  const checks = selectChecks(options);
  framework.describe(name, () => {
    for (const entry of options.hosts ?? [tinyHost()])
      framework.describe(`on ${entry.name}`, () => {
        const subject = oncePerSuite(factory, options, entry, checks.length);
        for (const check of checks)
          // No parameter by name: Jest would wait for one to be called.
          framework.it(`${check.name}: ${check.claim}`, (...context) =>
            subject(async (ready) => {
              const { outcome, message } = await runCheck(check, ready);
              if (outcome === 'not applicable') return skip(context[0], message);
              if (outcome !== 'passed') throw new ConformanceFailure(`${check.name}: ${outcome}: ${message}`);
            }),
          );
      });
  });
}

/** Makes host and method when the first test asks, and disposes the host after the last one: no hooks of the framework are needed. */
function oncePerSuite(factory: MethodFactory, options: ConformanceOptions, entry: ConformanceHost, tests: number) {
  let made: Promise<{ readonly host: Host; readonly subject: Subject }> | undefined;
  let finished = 0;
  const make = async () => {
    await tf.ready();
    const host = await entry.create();
    return { host, subject: await createSubject(factory, options, entry, host) };
  };
  return async (test: (subject: Subject) => Promise<void>): Promise<void> => {
    try {
      const { subject } = await (made ??= make());
      await test(subject);
    } finally {
      finished++;
      if (finished === tests) await made?.then(({ host }) => host.dispose()).catch(() => undefined);
    }
  };
}

/** Shows in the report of Vitest and node:test that a check has no meaning here; Jest has no way to say so while a test runs. */
function skip(context: unknown, reason: string): void {
  if (typeof context === 'object' && context !== null && 'skip' in context && typeof context.skip === 'function')
    (context as { skip(reason: string): void }).skip(reason);
}

function globalFramework(): TestFramework {
  const { describe, it } = globalThis as Partial<TestFramework>;
  if (describe && it) return { describe, it };
  throw new Error(
    'describePeftMethod finds no describe and it among the globals; pass those of your test framework as the last argument: { describe, it }',
  );
}

import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { conformanceChecks } from './conformance-checks.js';
import type { ConformanceCheck } from './kit/check.js';
import { runCheck } from './kit/run-check.js';
import { createSubject } from './kit/subject.js';
import { tinyHost } from './kit/tiny-host.js';
import type { CheckResult, ConformanceOptions, MethodFactory } from './options.js';

/**
 * Runs all checks on all hosts, one after the other, on the current TensorFlow.js backend; no test framework is needed. Broken rules are
 * results, not errors. Errors: those of the factory, of `prepare` and of the hosts; `CHECK_UNKNOWN`.
 */
export async function checkPeftMethod(factory: MethodFactory, options: ConformanceOptions): Promise<CheckResult[]> {
  await tf.ready();
  const results: CheckResult[] = [];
  for (const entry of options.hosts ?? [tinyHost()]) {
    const host = await entry.create();
    try {
      const subject = await createSubject(factory, options, entry, host);
      for (const check of selectChecks(options))
        results.push({ check: check.name, host: entry.name, ...(await runCheck(check, subject)) });
    } finally {
      host.dispose();
    }
  }
  return results;
}

/** Errors: `CHECK_UNKNOWN` for a name in `only` or `exceptions` that no check has. */
export function selectChecks({ only, exceptions = {} }: ConformanceOptions): readonly ConformanceCheck[] {
  const names = conformanceChecks.map(({ name }) => name);
  const unknown = [...(only ?? []), ...Object.keys(exceptions)].find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new PeftError('CHECK_UNKNOWN', {
      found: `no check "${unknown}"`,
      expected: nearMisses(unknown, names)[0] ?? `one of ${names.join(', ')}`,
    });
  return conformanceChecks.filter(({ name }) => !only || only.includes(name));
}

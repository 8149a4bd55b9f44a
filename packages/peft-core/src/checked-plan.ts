import { isPeftError, PeftError } from './errors.js';
import type { HostSpec } from './host-spec.js';
import type { PeftMethod } from './method.js';
import type { EffectiveSpec, ParameterPlan } from './plan.js';

const ways: readonly EffectiveSpec['perExample'][] = ['axis', 'outputs', 'none'];

/**
 * The plan of a part, as wrappers ask for it: a fault in it names the part. Errors: those of `plan`; `PLAN_FAULTY` for anything else that it
 * throws, and for an effective parameter that does not say how it may differ between examples (JavaScript lets it out in silence).
 */
export function checkedPlan(method: PeftMethod, host: HostSpec): ParameterPlan {
  const name = `${method.type} "${method.namespaces.join(', ')}"`;
  const plan = attempt(method, host, name);
  const unsaid = plan.effective.find(({ perExample }) => !ways.includes(perExample));
  if (unsaid)
    throw new PeftError('PLAN_FAULTY', {
      found: `perExample ${String(unsaid.perExample)} for the effective parameter "${unsaid.name}" of ${name}`,
      expected: `one of ${ways.join(', ')}`,
      fix: "say 'none' if interventions take one value a batch",
    });
  return plan;
}

function attempt(method: PeftMethod, host: HostSpec, name: string): ParameterPlan {
  try {
    return method.plan(host);
  } catch (cause) {
    if (isPeftError(cause)) throw cause;
    throw new PeftError('PLAN_FAULTY', {
      found: `the plan of ${name} throws "${cause instanceof Error ? cause.message : String(cause)}"`,
      expected: 'a plan, or a PeftError that says what cannot be on this host',
      fix: 'mend the method',
      cause,
    });
  }
}

import {
  type Adapter,
  evaluationContext,
  foldMethod,
  type Host,
  type Interventions,
  mergeInterventions,
  leavesOf,
  PeftError,
  selectNamespaces,
} from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import { becomesNodes, whyNotWritten } from './kinds.js';

/** What an adapter does to a host, parted into weights and the rest. */
export interface Effects {
  /** New weights and biases by path. */
  readonly changes: ReadonlyMap<string, tf.Tensor>;
  /** What the graph needs nodes for. */
  readonly items: Interventions;
}

/**
 * The effects of an adapter, a simplex as its midpoint. Call inside `tf.tidy`. Errors: `ADAPTER_FOR_ANOTHER_HOST`; `NOT_EXPORTABLE` for functions of
 * activations that are not data, by the name of their method; `NOT_MERGEABLE`.
 */
export function effectsOf(host: Host, adapter: Adapter): Effects {
  const { spec } = host;
  if (adapter.hostFingerprint !== spec.fingerprint)
    throw new PeftError('ADAPTER_FOR_ANOTHER_HOST', {
      found: `an adapter for the host ${adapter.hostFingerprint.slice(0, 12)}…`,
      expected: `one for ${spec.name} (${spec.fingerprint.slice(0, 12)}…)`,
      fix: 'export it with the host that it was trained on',
    });
  const { method, effective } = foldMethod(adapter.method, adapter.effective);
  const context = evaluationContext(spec, 1);
  const refused: string[] = [];
  const interventions = leavesOf(method).flatMap((part) => {
    const items = part.intervene(selectNamespaces(effective, part.namespaces), context);
    const reasons = new Set(
      items.flatMap((item) => {
        const why = whyNotWritten(item);
        return why === undefined ? [] : [`a ${item.kind} ${why}`];
      }),
    );
    if (reasons.size > 0) refused.push(`${part.type}: ${[...reasons].join('; ')}`);
    return items;
  });
  if (refused.length > 0)
    throw new PeftError('NOT_EXPORTABLE', {
      found: refused.join('; '),
      expected: 'changes of weights, prefixes, prompts, and adapters that declare their form',
      fix: 'take the part out (disableParts), or run the adapter with this library; authors of methods: give the intervention a `form`',
    });
  const { changes, rest } = mergeInterventions(host, interventions);
  return { changes, items: rest.filter(becomesNodes) };
}

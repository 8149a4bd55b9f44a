import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter.js';
import { compose } from './compose.js';
import { evaluationContext } from './context.js';
import { PeftError } from './errors.js';
import type { Host } from './host.js';
import type { HostSpec } from './host-spec.js';
import type { Intervention, Interventions } from './intervention.js';
import { interventionKinds, interventionRules, isMergeable } from './intervention-rules.js';
import { mergeInterventions, requireIndependent } from './merge-interventions.js';
import { type FoldedMethod, foldMethod, type PeftMethod } from './method.js';
import { type Parameters, selectNamespaces } from './parameters.js';
import { leavesOf } from './select-parts.js';

/** A host with an adapter in its weights, and what is left of the adapter. */
export interface MergedAdapter {
  /** A new host with the adapter in its weights; it shares all other tensors with {@link base}, so dispose it first. */
  readonly host: Host;
  /** The host as it was, to the bit: unmerging is using it again. */
  readonly base: Host;
  /** What no weight can hold, to be run on the new host: the head, and other parts if `rest` was `keep`. Null if nothing is left. */
  readonly rest: Adapter | null;
}

/** What merging does with parts that no weight can hold. */
export interface MergeOptions {
  /** What happens with parts that no weight can hold (prefixes, bottleneck adapters, gates): an error, or they stay an adapter. */
  readonly rest?: 'refuse' | 'keep';
}

/**
 * Puts an adapter into the weights of its host, one weight at a time; a simplex counts as its midpoint. The host is not changed.
 * The rest's tensors are the adapter's own, or new ones where the method folds.
 * Errors: `ADAPTER_FOR_ANOTHER_HOST`; `NOT_MERGEABLE` for parts that no weight can hold, unless they may stay (`rest: 'keep'`), and for
 * a scale or gate at a place where something stays.
 */
export async function mergeAdapter(
  host: Host,
  adapter: Adapter,
  { rest = 'refuse' }: MergeOptions = {},
): Promise<MergedAdapter> {
  if (adapter.hostFingerprint !== host.spec.fingerprint)
    throw new PeftError('ADAPTER_FOR_ANOTHER_HOST', {
      found: `an adapter for the host ${adapter.hostFingerprint.slice(0, 12)}…`,
      expected: `one for ${host.spec.name} (${host.spec.fingerprint.slice(0, 12)}…)`,
      fix: 'merge into the host that the adapter was trained on',
    });
  const { method: whole, effective } = foldKept(adapter);
  const changed = new Map<string, tf.Tensor>();
  const refused: string[] = [];
  const staying: PeftMethod[] = [];
  const merge = () => {
    const context = evaluationContext(host.spec, 1);
    const merging: Intervention[] = [];
    const acting: Intervention[] = [];
    for (const part of leavesOf(whole)) {
      const interventions = part.intervene(selectNamespaces(effective, part.namespaces), context);
      if (interventions.every(isMergeable) && !(interventions.length === 0 && isReadOutside(part, host.spec)))
        merging.push(...interventions);
      else if (part.afterMerge && interventions.some(isMergeable)) {
        merging.push(...interventions.filter(isMergeable));
        staying.push(part.afterMerge());
        acting.push(...interventions.filter((item) => !isMergeable(item)));
      } else {
        staying.push(part);
        acting.push(...interventions);
      }
      if (!interventions.every((item) => isMergeable(item) || item.kind === 'readout'))
        refused.push(`${part.type} acts through ${kindsOf(interventions)}, which no weight can hold`);
    }
    if (rest === 'keep' || refused.length === 0) {
      requireIndependent(merging, acting);
      for (const [path, tensor] of mergeInterventions(host, merging).changes) changed.set(path, tensor);
    }
    return [...changed.values()];
  };
  try {
    tf.tidy(merge);
  } catch (error) {
    disposeNew(effective, [adapter.effective]);
    throw error;
  }
  const left = rest === 'refuse' && refused.length > 0 ? [] : staying;
  const kept = ofPlans(effective, left, host.spec);
  disposeNew(effective, [adapter.effective, kept]);
  if (rest === 'refuse' && refused.length > 0)
    throw new PeftError('NOT_MERGEABLE', {
      found: refused.join('; '),
      expected: `parts that only change weights and biases (${mergeableKinds.join(', ')})`,
      fix: "merge with `rest: 'keep'`, which leaves them an adapter, or take them out with disableParts",
    });
  const merged = await host.withWeights(changed);
  const method = left.length === 1 ? left[0]! : compose(...left);
  return {
    host: merged,
    base: host,
    rest: left.length === 0 ? null : { method, effective: kept, hostFingerprint: merged.spec.fingerprint },
  };
}

/** Frees a merged host, and the tensors of the rest that are not the adapter's own. */
export function disposeMerged({ host, rest }: MergedAdapter, adapter: Adapter): void {
  host.dispose();
  if (rest) disposeNew(rest.effective, [adapter.effective]);
}

/** The folded method with tensors that outlive the call: the adapter's own, or new ones. */
function foldKept(adapter: Adapter): FoldedMethod {
  let folded: FoldedMethod = { method: adapter.method, effective: adapter.effective };
  tf.tidy(() => {
    folded = foldMethod(adapter.method, adapter.effective);
    return [...folded.effective.values()];
  });
  return folded;
}

/** Disposes the tensors that are in none of `others`. */
function disposeNew(parameters: Parameters, others: readonly Parameters[]): void {
  const owned = new Set(others.flatMap((other) => [...other.values()]));
  tf.dispose([...parameters.values()].filter((tensor) => !owned.has(tensor)));
}

/** The parameters and buffers of some parts; what a part leaves in the weights is not among them. */
function ofPlans(effective: Parameters, parts: readonly PeftMethod[], host: HostSpec): Parameters {
  const names = new Set(
    parts.flatMap((part) => {
      const plan = part.plan(host);
      return [...plan.effective, ...(plan.buffers ?? [])].map(({ name }) => name);
    }),
  );
  return new Map([...effective].filter(([name]) => names.has(name)));
}

const mergeableKinds = interventionKinds.filter((kind) => interventionRules[kind].merge);

/** Whether its parameters are read outside of the forward pass, as a head of tokens is: no kind and no site, so no weight holds them. */
const isReadOutside = (part: PeftMethod, host: HostSpec): boolean => {
  const { effective } = part.plan(host);
  return !part.kinds?.length && effective.length > 0 && effective.every(({ site }) => site === undefined);
};

const kindsOf = (items: Interventions) =>
  [
    ...new Set(
      items
        .filter((item) => !isMergeable(item))
        .map((item) => ('gate' in item && item.gate ? `${item.kind} with a gate` : item.kind)),
    ),
  ].join(', ');

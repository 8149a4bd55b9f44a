import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter.js';
import { compose } from './compose.js';
import { evaluationContext } from './context.js';
import { PeftError } from './errors.js';
import type { Host } from './host.js';
import type { Intervention, Interventions } from './intervention.js';
import {
  interventionKinds,
  interventionRules,
  isMergeable,
  mergeStages,
  modulePathOf,
  rulesOf,
} from './intervention-rules.js';
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
 * Errors: `ADAPTER_FOR_ANOTHER_HOST`; `NOT_MERGEABLE` for parts that no weight can hold, unless they may stay (`rest: 'keep'`).
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
  tf.tidy(() => {
    const context = evaluationContext(host.spec, 1);
    const merging: Intervention[] = [];
    for (const part of leavesOf(whole)) {
      const interventions = part.intervene(selectNamespaces(effective, part.namespaces), context);
      if (interventions.length > 0 && interventions.every(isMergeable)) merging.push(...interventions);
      else staying.push(part);
      if (!interventions.every((item) => isMergeable(item) || item.kind === 'readout'))
        refused.push(`${part.type} acts through ${kindsOf(interventions)}, which no weight can hold`);
    }
    if (rest === 'keep' || refused.length === 0)
      for (const [path, tensor] of mergeInterventions(host, merging)) changed.set(path, tensor);
    return [...changed.values()];
  });
  const left = rest === 'refuse' && refused.length > 0 ? [] : staying;
  const kept = selectNamespaces(
    effective,
    left.flatMap(({ namespaces }) => namespaces),
  );
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

const mergeableKinds = interventionKinds.filter((kind) => interventionRules[kind].merge);

const kindsOf = (items: Interventions) =>
  [
    ...new Set(
      items
        .filter((item) => !isMergeable(item))
        .map((item) => ('gate' in item && item.gate ? `${item.kind} with a gate` : item.kind)),
    ),
  ].join(', ');

/** New values of the weights and biases that the interventions change, by path; the caller owns the tensors. */
function mergeInterventions(host: Host, interventions: Interventions): Map<string, tf.Tensor> {
  const byModule = new Map<string, Intervention[]>();
  for (const item of interventions)
    if ('path' in item) {
      const module = modulePathOf(item);
      byModule.set(module, [...(byModule.get(module) ?? []), item]);
    }
  const changed = new Map<string, tf.Tensor>();
  for (const [module, items] of byModule)
    for (const tensor of ['weight', 'bias'] as const) {
      const own = items.filter((item) => rulesOf(item).merge?.[tensor]);
      const path = `${module}.${tensor}`;
      if (own.length > 0)
        changed.set(
          path,
          tf.tidy(() => mergeTensor(host.weight(path), own, tensor)),
        );
    }
  return changed;
}

/** The effective weight (`[input, output]`, `[rows, size]` or `[size]`) or bias `[output]`, stage by stage. */
const mergeTensor = (frozen: tf.Tensor, items: readonly Intervention[], tensor: 'weight' | 'bias'): tf.Tensor =>
  mergeStages
    .flatMap((stage) => items.filter((item) => rulesOf(item).merge!.stage === stage))
    .reduce((value, item) => rulesOf(item).merge![tensor]!(value, item, frozen), frozen)
    .clone();

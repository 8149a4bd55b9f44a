import * as tf from '@tensorflow/tfjs';
import { PeftError } from './errors.js';
import type { Host } from './host.js';
import type { Intervention, Interventions } from './intervention.js';
import { isMergeable, mergeStages, modulePathOf, rulesOf } from './intervention-rules.js';

/** What becomes of interventions of which some go into weights. */
export interface MergedInterventions {
  /** New values of weights `[input, output]`, `[rows, size]` or `[size]` and of biases, by path; the caller owns them. */
  readonly changes: Map<string, tf.Tensor>;
  /** What no weight can hold, in the order given. */
  readonly rest: Interventions;
}

/** A host as far as merging needs it; without `spec` all its affine maps and norms have biases. */
type MergingHost = Pick<Host, 'weight'> & Partial<Pick<Host, 'spec'>>;

/**
 * Puts those interventions into weights and biases that they can hold, as they are at a frozen host; the host is not changed.
 * Errors: `NOT_MERGEABLE` where one that stays would lose what one that goes into the weight does to it, or a bias is added to a map that has none.
 */
export function mergeInterventions(host: MergingHost, interventions: Interventions): MergedInterventions {
  const merging = interventions.filter(isMergeable);
  const rest = interventions.filter((item) => !isMergeable(item));
  requireIndependent(merging, rest);
  return { changes: mergeAll(host, merging), rest };
}

/**
 * Errors: `NOT_MERGEABLE`: scales and gates of a place act on all that is added there, so they cannot go where something stays; nothing can go into
 * a weight that something which stays is a function of.
 */
export function requireIndependent(merging: Interventions, staying: Interventions): void {
  requireWeightsNotRead(merging, staying);
  for (const item of staying) {
    if (!('path' in item)) continue;
    const path = modulePathOf(item);
    const scale = merging.find(
      (other) =>
        'path' in other && modulePathOf(other) === path && stagesOver(item).includes(rulesOf(other).merge!.stage),
    );
    if (scale === undefined) continue;
    throw new PeftError('NOT_MERGEABLE', {
      found: `at "${path}" a ${scale.kind}, which also acts on the ${item.kind} that stays`,
      expected: 'scales and gates only where everything can go into the weight',
      fix: 'leave the two parts one adapter',
    });
  }
}

function requireWeightsNotRead(merging: Interventions, staying: Interventions): void {
  const changed = new Map(
    merging.flatMap((item) => ('path' in item && rulesOf(item).merge?.weight ? [[modulePathOf(item), item]] : [])),
  );
  for (const item of staying) {
    const change = 'path' in item && rulesOf(item).readsWeight ? changed.get(modulePathOf(item)) : undefined;
    if (change === undefined) continue;
    throw new PeftError('NOT_MERGEABLE', {
      found: `at "${modulePathOf(change as Extract<Intervention, { path: string }>)}" a ${change.kind}, which changes the weight that the ${item.kind} that stays is a function of`,
      expected: 'changes of weights that nothing which stays reads',
      fix: 'leave the two parts one adapter',
    });
  }
}

/** What of a place acts on something that is added there: on a delta of the weight all that scales it, on one of the states its gates. */
const stagesOver = ({ kind }: Intervention): readonly string[] =>
  kind === 'lowRankDelta'
    ? ['magnitude', 'scale', 'gate']
    : ['dynamicLowRankDelta', 'activationDelta', 'dynamicWeightDelta'].includes(kind)
      ? ['gate']
      : [];

function mergeAll(host: MergingHost, interventions: Interventions): Map<string, tf.Tensor> {
  const byModule = new Map<string, Intervention[]>();
  for (const item of interventions)
    if ('path' in item) {
      const module = modulePathOf(item);
      byModule.set(module, [...(byModule.get(module) ?? []), item]);
    }
  const sites = host.spec?.sites ?? [];
  const biasless = new Set(sites.flatMap((site) => ('bias' in site && site.bias === false ? [site.path] : [])));
  const changed = new Map<string, tf.Tensor>();
  for (const [module, items] of byModule)
    for (const tensor of ['weight', 'bias'] as const) {
      const own = items.filter((item) => rulesOf(item).merge?.[tensor]);
      const path = `${module}.${tensor}`;
      if (tensor === 'bias' && biasless.has(module)) {
        requireNoBias(own, module);
        continue;
      }
      if (own.length > 0)
        changed.set(
          path,
          tf.tidy(() => mergeTensor(host.weight(path), own, tensor, host.weight(`${module}.weight`))),
        );
    }
  return changed;
}

/** Where there is no bias, what scales or turns one has nothing to do. Errors: `NOT_MERGEABLE` for what adds one. */
function requireNoBias(items: readonly Intervention[], module: string): void {
  const adding = items.find(({ kind }) => kind === 'biasDelta');
  if (!adding) return;
  throw new PeftError('NOT_MERGEABLE', {
    found: `a ${adding.kind} at "${module}", which has no bias`,
    expected: 'a module with a bias that can hold it',
    fix: 'keep the adapter apart, or train it without biases',
  });
}

/** The effective weight or bias, stage by stage. */
const mergeTensor = (
  frozen: tf.Tensor,
  items: readonly Intervention[],
  tensor: 'weight' | 'bias',
  weight: tf.Tensor,
): tf.Tensor =>
  mergeStages
    .flatMap((stage) => items.filter((item) => rulesOf(item).merge!.stage === stage))
    .reduce((value, item) => rulesOf(item).merge![tensor]!(value, item, frozen, weight), frozen)
    .clone();

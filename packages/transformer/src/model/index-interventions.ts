import {
  type Intervention,
  type InterventionKind,
  type Interventions,
  PeftError,
  type ReadoutMap,
  type TokenPrefix,
} from '@tfjs-peft/peft-core';
import { checkIntervention } from './check-interventions.js';
import { type HostLayout, modulePathOf } from './host-layout.js';

type OfKind<K extends InterventionKind> = Extract<Intervention, { kind: K }>;

/** The interventions of one pass by kind and place, checked against the host. */
export interface InterventionIndex {
  /** Those of one kind at one path, in the order given. For weights and biases the path is that of their module. */
  at<K extends Exclude<InterventionKind, 'tokenPrefix' | 'readout'>>(kind: K, path: string): readonly OfKind<K>[];
  /** True if any of the kinds is present at the path. */
  has(path: string, ...kinds: readonly InterventionKind[]): boolean;
  readonly tokenPrefixes: readonly TokenPrefix[];
  readonly readout: ReadoutMap | undefined;
  /** First position id: the length of the key/value prefixes that shift positions. */
  readonly positionOffset: number;
}

/**
 * Errors: `INTERVENTION_PATH_UNKNOWN`, `INTERVENTION_MISSHAPEN`, `READOUT_UNAVAILABLE`, `READOUT_AMBIGUOUS`, `POSITION_SHIFT_UNEVEN`.
 */
export function indexInterventions(
  interventions: Interventions,
  layout: HostLayout,
  batchSize: number,
): InterventionIndex {
  const byPlace = new Map<string, Intervention[]>();
  for (const intervention of interventions) {
    checkIntervention(intervention, layout, batchSize);
    const key = placeOf(intervention);
    const list = byPlace.get(key);
    if (list) list.push(intervention);
    else byPlace.set(key, [intervention]);
  }
  const listAt = <K extends InterventionKind>(kind: K, path: string) =>
    (byPlace.get(`${kind} ${path}`) ?? []) as unknown as readonly OfKind<K>[];
  return {
    at: listAt,
    has: (path, ...kinds) => kinds.some((kind) => byPlace.has(`${kind} ${path}`)),
    tokenPrefixes: listAt('tokenPrefix', ''),
    readout: onlyReadout(listAt('readout', ''), layout),
    positionOffset: positionOffset(interventions, layout),
  };
}

function placeOf(intervention: Intervention): string {
  if (!('path' in intervention)) return `${intervention.kind} `;
  const { kind, path } = intervention;
  const named = kind === 'weightDelta' || kind === 'weightScale' || kind === 'biasDelta';
  return `${kind} ${named ? modulePathOf(path, kind) : path}`;
}

function onlyReadout(readouts: readonly ReadoutMap[], layout: HostLayout): ReadoutMap | undefined {
  if (readouts.length <= 1) return readouts[0];
  throw new PeftError('READOUT_AMBIGUOUS', {
    found: `${readouts.length} heads in one pass of host "${layout.name}"`,
    expected: 'at most one',
    fix: 'run one pass for each head',
  });
}

/** Every layer with shifting prefixes must agree on the shift, since position ids are those of the whole pass. */
function positionOffset(interventions: Interventions, layout: HostLayout): number {
  const shifts = new Map<string, number>();
  for (const intervention of interventions)
    if (intervention.kind === 'keyValuePrefix' && intervention.positions === 'shift') {
      const { path, keys } = intervention;
      shifts.set(path, (shifts.get(path) ?? 0) + keys.shape.at(-2)!);
    }
  const distinct = [...new Set(shifts.values())];
  if (distinct.length <= 1) return distinct[0] ?? 0;
  throw new PeftError('POSITION_SHIFT_UNEVEN', {
    found: `prefixes that shift position ids have ${distinct.join(', ')} keys in different layers of host "${layout.name}"`,
    expected: 'the same number in each layer that has such a prefix',
    fix: 'use positions "none" or one length for all layers',
  });
}

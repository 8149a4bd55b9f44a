import { PeftError } from '@tfjs-peft/peft-core';
import {
  type Intervention,
  type InterventionKind,
  type Interventions,
  modulePathOf,
  type ReadoutMap,
  type TokenPrefix,
} from '@tfjs-peft/peft-core/interventions';
import { checkIntervention } from './check-interventions.js';
import type { SiteIndex } from './site-index.js';

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
  /** Errors: `INTERVENTION_NOT_APPLIED` if the pass ran a place and did not look at all that acts there. */
  requireApplied(): void;
}

/**
 * Errors: `INTERVENTION_KIND_UNKNOWN`, `INTERVENTION_PATH_UNKNOWN`, `INTERVENTION_MISSHAPEN`, `READOUT_UNAVAILABLE`, `READOUT_AMBIGUOUS`,
 * `POSITION_SHIFT_UNEVEN`.
 */
export function indexInterventions(
  interventions: Interventions,
  sites: SiteIndex,
  batchSize: number,
): InterventionIndex {
  const byPath = new Map<string, Map<InterventionKind, Intervention[]>>();
  for (const intervention of interventions) {
    checkIntervention(intervention, sites, batchSize);
    const path = 'path' in intervention ? modulePathOf(intervention) : '';
    const kinds = byPath.get(path) ?? new Map<InterventionKind, Intervention[]>();
    byPath.set(path, kinds.set(intervention.kind, [...(kinds.get(intervention.kind) ?? []), intervention]));
  }
  const seen = new Map<string, Set<InterventionKind>>();
  const listAt = <K extends InterventionKind>(kind: K, path: string) => {
    const kinds = byPath.get(path);
    if (!kinds) return none;
    (seen.get(path) ?? seen.set(path, new Set()).get(path)!).add(kind);
    return (kinds.get(kind) ?? none) as unknown as readonly OfKind<K>[];
  };
  return {
    at: listAt,
    has(path, ...kinds) {
      const present = byPath.get(path);
      return present !== undefined && kinds.some((kind) => present.has(kind));
    },
    tokenPrefixes: listAt('tokenPrefix', ''),
    readout: onlyReadout(listAt('readout', ''), sites),
    positionOffset: positionOffset(interventions, sites),
    requireApplied() {
      for (const [path, looked] of seen)
        for (const kind of byPath.get(path)!.keys())
          if (!looked.has(kind))
            throw new PeftError('INTERVENTION_NOT_APPLIED', {
              found: `a pass of host "${sites.name}" that left out the ${kind} at "${path}"`,
              expected: 'every effect to be applied',
              fix: 'report this: the host knows the kind and does not apply it there',
            });
    },
  };
}

const none: readonly never[] = [];

function onlyReadout(readouts: readonly ReadoutMap[], sites: SiteIndex): ReadoutMap | undefined {
  if (readouts.length <= 1) return readouts[0];
  throw new PeftError('READOUT_AMBIGUOUS', {
    found: `${readouts.length} heads in one pass of host "${sites.name}"`,
    expected: 'at most one',
    fix: 'run one pass for each head',
  });
}

/** Every layer with shifting prefixes must agree on the shift, since position ids are those of the whole pass. */
function positionOffset(interventions: Interventions, sites: SiteIndex): number {
  const shifts = new Map<string, number>();
  for (const intervention of interventions)
    if (intervention.kind === 'keyValuePrefix' && intervention.positions === 'shift') {
      const { path, keys } = intervention;
      shifts.set(path, (shifts.get(path) ?? 0) + keys.shape.at(-2)!);
    }
  const distinct = [...new Set(shifts.values())];
  if (distinct.length <= 1) return distinct[0] ?? 0;
  throw new PeftError('POSITION_SHIFT_UNEVEN', {
    found: `prefixes that shift position ids have ${distinct.join(', ')} keys in different layers of host "${sites.name}"`,
    expected: 'the same number in each layer that has such a prefix',
    fix: 'use positions "none" or one length for all layers',
  });
}

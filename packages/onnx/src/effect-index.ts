import { PeftError } from '@tfjs-peft/peft-core';
import {
  type Intervention,
  type InterventionKind,
  type Interventions,
  modulePathOf,
} from '@tfjs-peft/peft-core/interventions';

type OfKind<K extends InterventionKind> = Extract<Intervention, { kind: K }>;

/** Interventions by kind and place. Every one must be asked for: none is left out in silence. */
export interface EffectIndex {
  take<K extends InterventionKind>(kind: K, path?: string): readonly OfKind<K>[];
  /** Errors: `INTERVENTION_NOT_APPLIED`. */
  requireAllTaken(): void;
}

export function indexEffects(items: Interventions): EffectIndex {
  const left = new Set(items);
  const placeOf = (item: Intervention) => ('path' in item ? modulePathOf(item) : undefined);
  return {
    take(kind, path) {
      const found = items.filter((item) => item.kind === kind && placeOf(item) === path);
      for (const item of found) left.delete(item);
      return found as unknown as readonly OfKind<typeof kind>[];
    },
    requireAllTaken() {
      const [item] = left;
      if (!item) return;
      throw new PeftError('INTERVENTION_NOT_APPLIED', {
        found: `a graph without the ${item.kind} at "${placeOf(item) ?? 'the model'}"`,
        expected: 'every effect to be written',
        fix: 'report this: the exporter knows the kind and does not write it there',
      });
    },
  };
}

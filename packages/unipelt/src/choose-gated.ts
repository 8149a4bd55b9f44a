import { leavesOf, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { isGateable } from '@tfjs-peft/peft-core/interventions';
import type { UnipeltConfig } from './config.js';

/** A part of the inner method; `gated` is its namespace if it gets gates. */
export interface GatedPart {
  readonly part: PeftMethod;
  readonly gated: string | null;
}

/** The parts of a composition with what is to be gated. Errors: `GATE_TARGET_UNKNOWN`, `GATE_AMBIGUOUS`. */
export function chooseGated(inner: PeftMethod, { gates }: UnipeltConfig): GatedPart[] {
  const unknown = gates?.find((name) => !inner.namespaces.includes(name));
  if (unknown !== undefined)
    throw new PeftError('GATE_TARGET_UNKNOWN', {
      found: `gates for "${unknown}", which is none of the parts ${inner.namespaces.join(', ')}`,
      expected: nearMisses(unknown, inner.namespaces)[0] ?? 'names of parts',
      fix: 'correct `gates`, or leave it out to gate all parts that UniPELT gates',
    });
  return leavesOf(inner).map((part) => {
    const wanted = gates ? part.namespaces.some((name) => gates.includes(name)) : canBeGated(part);
    if (!wanted) return { part, gated: null };
    const [gated, ...others] = part.namespaces;
    if (gated !== undefined && others.length === 0) return { part, gated };
    throw new PeftError('GATE_AMBIGUOUS', {
      found: `a ${part.type} around several parts (${part.namespaces.join(', ')}), whose effects cannot be told apart from outside`,
      expected: 'parts that are gated one by one',
      fix: `put the gates inside: ${part.type.toLowerCase()}(unipelt(compose(…))), or wrap each part alone`,
    });
  });
}

/** What a method emits decides; for a wrapper that does not say so, what its parts emit. */
const canBeGated = ({ kinds, parts = [] }: PeftMethod): boolean => kinds?.some(isGateable) ?? parts.some(canBeGated);

import { PeftError } from '@tfjs-peft/peft-core';
import { type ExampleGate, type Intervention, rulesOf } from '@tfjs-peft/peft-core/interventions';

/**
 * The intervention with its effect multiplied by a gate, by the rules of its kind: of a low-rank delta the gate replaces the scale, of a prefix it
 * multiplies keys and values, of a sublayer adapter what it adds. Errors: `GATE_UNSUPPORTED` for other kinds and for what has a gate already.
 */
export function gateIntervention(
  intervention: Intervention,
  gateAt: (path: string) => ExampleGate,
  part: string,
): Intervention {
  const { gate } = rulesOf(intervention);
  if (!gate || !('path' in intervention)) throw unsupported(part, `has an effect of kind ${intervention.kind}`);
  if ('gate' in intervention && typeof intervention.gate === 'function')
    throw unsupported(part, 'has gates of its own');
  return gate(intervention, gateAt(intervention.path));
}

export const unsupported = (part: string, what: string) =>
  new PeftError('GATE_UNSUPPORTED', {
    found: `the part "${part}" that is to be gated ${what}`,
    expected: 'low-rank deltas of affine maps, key/value prefixes and sublayer adapters alone',
    fix: `change its configuration, or list the parts to gate without "${part}" in \`gates\``,
  });

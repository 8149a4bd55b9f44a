import { type ExampleGate, type Intervention, PeftError } from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';

/**
 * The intervention with its effect multiplied by a gate: of a low-rank delta the gate replaces the scale, of a prefix it multiplies keys and
 * values, of a sublayer adapter what it adds. Errors: `GATE_UNSUPPORTED` for other kinds and for what has a gate already.
 */
export function gateIntervention(
  intervention: Intervention,
  gateAt: (path: string) => ExampleGate,
  part: string,
): Intervention {
  switch (intervention.kind) {
    case 'lowRankDelta':
      requireUngated(intervention.gate, part);
      return { ...intervention, scale: 1, gate: gateAt(intervention.path) };
    case 'keyValuePrefix':
      requireUngated(intervention.gate, part);
      return { ...intervention, gate: gateAt(intervention.path) };
    case 'sublayerAdapter': {
      const { apply, placement, path } = intervention;
      const gate = gateAt(path);
      const perToken = (factor: tf.Tensor1D) => factor.reshape([-1, 1, 1]);
      return {
        ...intervention,
        perToken: false,
        apply: (x, mask) =>
          placement === 'sequential'
            ? x.add(
                apply(x, mask)
                  .sub(x)
                  .mul(perToken(gate(x, mask))),
              )
            : apply(x, mask).mul(perToken(gate(x, mask))),
      };
    }
    default:
      throw unsupported(part, `has an effect of kind ${intervention.kind}`);
  }
}

function requireUngated(gate: ExampleGate | undefined, part: string): void {
  if (gate) throw unsupported(part, 'has gates of its own');
}

export const unsupported = (part: string, what: string) =>
  new PeftError('GATE_UNSUPPORTED', {
    found: `the part "${part}" that is to be gated ${what}`,
    expected: 'low-rank deltas of affine maps, key/value prefixes and sublayer adapters alone',
    fix: `change its configuration, or list the parts to gate without "${part}" in \`gates\``,
  });

import type { PeftMethod } from '@tfjs-peft/peft-core';
import { getParameter, sitesWithRole } from '@tfjs-peft/peft-core/authoring';

/** The smallest method: a factor for each output of the value projections, first values around 1. Others are composed with it. */
export const gateMethod = (): PeftMethod => ({
  type: 'CONFORMANCE_GATE',
  config: Object.freeze({}),
  namespaces: ['kit-gate'],
  plan(host) {
    const values = sitesWithRole(host, 'value');
    const specs = values.map(({ path, outputSize }) => ({ name: `kit-gate.${path}`, shape: [outputSize], site: path }));
    return {
      raw: specs.map(({ name, shape }) => ({
        name,
        shape,
        initial: { kind: 'normal', mean: 1, standardDeviation: 0.1 },
      })),
      effective: specs.map((spec) => ({ ...spec, perExample: 'axis' })),
    };
  },
  intervene: (effective, { host }) =>
    sitesWithRole(host, 'value').map(({ path }) => ({
      kind: 'outputGate',
      path,
      gate: getParameter(effective, `kit-gate.${path}`),
    })),
});

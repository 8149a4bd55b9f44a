import { type HostSpec, type LinearRole, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import {
  type CombineMember,
  getParameter,
  type MethodDefinition,
  parseConfig,
  weightedSum,
} from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';

const config = z.strictObject({
  roles: z.array(z.enum(['query', 'value'])).default(['query']),
});

/** A small method with everything that prefixes and heads lack: mixed by outputs, identity at start, mergeable, combinable. */
export const denseDelta = (options: z.input<typeof config> = {}) => create(parseConfig(config, options, 'dense delta'));

export const denseDeltaDefinition: MethodDefinition<typeof config> = {
  type: 'TEST_DENSE_DELTA',
  config,
  create: (parsed) => create(parsed),
};

function create({ roles }: z.output<typeof config>): PeftMethod {
  const sites = (host: HostSpec) =>
    sitesOfKind(host, 'linear').filter(({ role }) => (roles as (LinearRole | undefined)[]).includes(role));
  return {
    type: denseDeltaDefinition.type,
    config: Object.freeze({ roles }),
    namespaces: ['dense'],
    plan(host) {
      const effective = sites(host).flatMap(({ path, inputSize, outputSize }) => [
        { name: `dense.${path}.weight`, shape: [inputSize, outputSize], site: path, perExample: 'outputs' as const },
        { name: `dense.${path}.bias`, shape: [outputSize], site: path, perExample: 'axis' as const },
        { name: `dense.${path}.scale`, shape: [1], site: path, perExample: 'none' as const },
      ]);
      const raw = effective.map(({ name, shape }) => ({
        name,
        shape,
        initial: name.endsWith('scale')
          ? ({ kind: 'uniform', low: 0.9, high: 1.1 } as const)
          : ({ kind: 'constant', value: 0 } as const),
      }));
      return { raw, effective };
    },
    intervene: (effective, { host }) =>
      sites(host).flatMap(({ path }) => {
        const at = (what: string) => getParameter(effective, `dense.${path}.${what}`);
        return [
          { kind: 'weightDelta', path, delta: at('weight').mul(at('scale')) },
          { kind: 'biasDelta', path, delta: at('bias') },
        ];
      }),
    combine(members: readonly CombineMember[]) {
      return { method: members[0]!.method, effective: weightedSum(members) };
    },
  };
}

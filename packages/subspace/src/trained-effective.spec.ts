import { describe, expect, it } from '@jest/globals';
import { compose, type HostSpec, type PeftMethod } from '@tfjs-peft/peft-core';
import type { ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import { subspace } from './subspace.js';
import { trainedEffective } from './trained-effective.js';

const host = { name: 'toy', sites: [], fingerprint: 'toy' } as unknown as HostSpec;
const frozen = { trainable: false, shared: true } as const;

/** `made`: effective parameters of other names than the raw ones; `true` for one that all vertices share. */
function toy(
  namespace: string,
  raw: Readonly<Record<string, Partial<ParameterSpec>>>,
  made?: Readonly<Record<string, boolean>>,
): PeftMethod {
  const named = (name: string) => ({ name: `${namespace}.${name}`, shape: [2] });
  const effective = made ?? Object.fromEntries(Object.entries(raw).map(([name, { shared = false }]) => [name, shared]));
  return {
    type: namespace,
    config: {},
    namespaces: [namespace],
    plan: () => ({
      raw: Object.entries(raw).map(([name, more]) => ({
        ...named(name),
        initial: { kind: 'constant', value: 1 } as const,
        ...more,
      })),
      effective: Object.entries(effective).map(([name, shared]) => ({
        ...named(name),
        perExample: 'none' as const,
        ...(shared && { shared }),
      })),
    }),
    ...(made && { reparametrise: (parameters) => parameters }),
    intervene: () => [],
  };
}

const namesOf = (method: PeftMethod) => trainedEffective(method, host).map(({ name }) => name);

describe('trainedEffective', () => {
  it('leaves out what no trained raw parameter makes, not what vertices share', () => {
    const method = toy('a', { bank: { shared: true }, matrix: frozen, alone: { trainable: false }, scale: {} });
    expect(namesOf(method)).toEqual(['a.bank', 'a.scale']);
    expect(namesOf(subspace(method))).toEqual(['a.vertex.0.scale', 'a.vertex.1.scale', 'a.bank']);
  });

  it('counts what is made of raw parameters of other names as trained where its namespace trains what it can be made of', () => {
    const network = toy('a', { network: {}, matrix: frozen }, { keys: false, matrix: true });
    expect(namesOf(network)).toEqual(['a.keys']);
    expect(namesOf(toy('b', { network: frozen }, { keys: false }))).toEqual([]);
    expect(namesOf(toy('c', { network: frozen, scale: {} }, { keys: true, scale: false }))).toEqual(['c.scale']);
    expect(namesOf(toy('d', { network: { shared: true } }, { keys: true }))).toEqual(['d.keys']);
    expect(namesOf(compose(network, toy('b', { network: frozen }, { keys: false })))).toEqual(['a.keys']);
  });
});

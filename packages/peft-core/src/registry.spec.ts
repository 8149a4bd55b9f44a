import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { peftErrorOf } from '../test/bad-files.js';
import { own, pair, toy, toyRegistry } from '../test/toy-methods.js';
import { compose } from './compose.js';
import { head } from './head.js';
import { contractVersion, createRegistry, describeMethod, parseConfig } from './registry.js';

const schema = z.strictObject({
  learningRate: z.number().positive().default(1e-3),
  nested: z.strictObject({ depth: z.int() }).optional(),
  names: z.array(z.string()).optional(),
});
const failure = (value: unknown) => peftErrorOf(() => parseConfig(schema, value, 'toy'));

describe('parseConfig', () => {
  it('fills defaults and freezes', () => {
    const config = parseConfig(schema, {}, 'toy');
    expect(config).toEqual({ learningRate: 1e-3 });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names an unknown key, the known one that is meant, and all known keys', async () => {
    const error = await failure({ learning_rate: 1 });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('configuration of toy: unknown key "learning_rate" (did you mean "learningRate"?)');
    expect(error.text.fix).toContain('learningRate, nested, names');
  });

  it('names every problem, with its path', async () => {
    const { message } = await failure({
      learningRate: -1,
      nested: { depth: 0.5, width: 1 },
      names: ['a', 3],
      zzzzzz: 1,
    });
    for (const part of ['learningRate: ', 'nested.depth: ', 'names.1: ', '"nested.width"', 'unknown key "zzzzzz"'])
      expect(message).toContain(part);
    expect(message).not.toContain('"zzzzzz" (did you mean');
  });

  it.each([null, undefined, 3, 'x', [[]]])('refuses %j as a configuration', async (value) => {
    expect((await failure(value)).code).toBe('CONFIG_INVALID');
  });

  it('knows no keys of a schema that is not an object', async () => {
    const error = await peftErrorOf(() => parseConfig(z.string(), 3, 'toy'));
    expect(error.message).toContain('value: ');
    expect(error.text.fix).toBeUndefined();
  });
});

describe('createRegistry', () => {
  it('builds again what describeMethod describes, wrappers and all', () => {
    const method = pair(compose(toy({ scale: 3 }), own({ name: 'mine' }), head({ labels: ['a', 'b'], dropout: 0.1 })));
    const description = describeMethod(method);
    expect(description).toMatchObject({
      type: 'PAIR',
      parts: [{ type: 'COMPOSE', parts: [{ config: { scale: 3 } }, {}, {}] }],
    });
    const plain = JSON.parse(JSON.stringify(description)) as typeof description;
    expect(describeMethod(toyRegistry.build(plain))).toEqual(description);
  });

  it('names the known types and the one that is meant', async () => {
    const error = await peftErrorOf(() => toyRegistry.build({ type: 'COMPOSED', config: {} }));
    expect(error.code).toBe('UNKNOWN_METHOD');
    expect(error.message).toMatch(/"COMPOSED".*COMPOSE, HEAD, TOY, OWN, PAIR.*did you mean "COMPOSE"/);
    const other = await peftErrorOf(() => toyRegistry.build({ type: 'constructor', config: {} }));
    expect(other.text.fix).toContain('createRegistry');
  });

  it('refuses a configuration that the method refuses, deep inside too', async () => {
    const inner = { type: 'TOY', config: { scales: 3 } };
    const error = await peftErrorOf(() => toyRegistry.build({ type: 'COMPOSE', config: {}, parts: [inner] }));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('TOY');
    expect((await peftErrorOf(() => toyRegistry.build({ type: 'COMPOSE', config: { x: 1 } }))).code).toBe(
      'CONFIG_INVALID',
    );
  });
});

describe('createRegistry', () => {
  it('refuses two definitions of one type', async () => {
    const definition = { type: 'TOY', config: schema, create: () => toy() };
    expect((await peftErrorOf(() => createRegistry(definition, { ...definition }))).code).toBe(
      'METHOD_REGISTERED_TWICE',
    );
    expect(createRegistry(definition, definition).definitions.size).toBe(1);
  });

  it('refuses a method of another contract, and a description that another method of the type made', () => {
    const config = z.strictObject({});
    const create = () => ({ ...toy({ name: 'toy', targets: ['value'] }), type: 'OWN', version: 'mine@1' });
    const own = { type: 'OWN', config, create };
    expect(() => createRegistry({ ...own, contract: contractVersion + 1 })).toThrow(/CONTRACT_OTHER|version/);
    const registry = createRegistry({ ...own, contract: contractVersion });
    const described = { ...describeMethod(create()), config: {} };
    expect(described.version).toBe('mine@1');
    expect(registry.build(described).type).toBe('OWN');
    expect(registry.build({ type: 'OWN', config: {} }).type).toBe('OWN');
    expect(() => registry.build({ ...described, version: 'yours@1' })).toThrow(
      expect.objectContaining({ code: 'METHOD_VERSION_OTHER' }),
    );
  });
});

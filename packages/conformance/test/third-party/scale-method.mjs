// A method as somebody outside this repository writes it: plain JavaScript, a class, its own configuration check.
import { sitesOfKind } from '@tfjs-peft/peft-core';
import { getParameter } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';

const config = z.strictObject({ role: z.enum(['query', 'value']).default('value') });

/** A factor for each output of the query or value maps, held as the difference to one. */
class ScaleMethod {
  type = 'THIRD_PARTY_SCALE';
  namespaces = ['scale'];
  #role;

  constructor(options) {
    this.config = Object.freeze({ ...options });
    this.#role = options.role;
  }

  plan(host) {
    const effective = this.#sites(host).map(({ path, outputSize }) => ({
      name: `scale.${path}`,
      shape: [outputSize],
      site: path,
      perExample: 'axis',
    }));
    const raw = effective.map(({ name, shape }) => ({ name, shape, initial: { kind: 'constant', value: 0 } }));
    return { raw, effective };
  }

  intervene(effective, { host }) {
    return this.#sites(host).map(({ path }) => ({
      kind: 'outputGate',
      path,
      gate: getParameter(effective, `scale.${path}`).add(1),
    }));
  }

  #sites(host) {
    return sitesOfKind(host, 'linear').filter(({ role }) => role === this.#role);
  }
}

export const scaleDefinition = {
  type: 'THIRD_PARTY_SCALE',
  config,
  create: (parsed) => new ScaleMethod(parsed),
};

export const scale = (options = {}) => new ScaleMethod(config.parse(options));

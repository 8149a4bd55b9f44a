import { type HostSpec, type PeftMethod, PeftError, substream } from '@tfjs-peft/peft-core';
import {
  dropout,
  getParameter,
  type InitialLaw,
  type MethodDefinition,
  type ParameterSpec,
  parseConfig,
} from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { prefixHubFormat } from './adapter-hub.js';
import { combinePrefixes } from './combine-prefixes.js';
import { type PrefixConfig, prefixConfig } from './config.js';
import { parametersOfMlp, produceFromMlp } from './mlp.js';
import { prefixFiles, readHfPrefixConfig } from './hf-files.js';
import { keysName, valuesName } from './names.js';
import { prefixSites } from './prefix-sites.js';
import { type PreparedStart, prepareStart } from './prepare-start.js';

/** Makes prefix tuning known by name: type `PREFIX_TUNING`. */
export const prefixDefinition: MethodDefinition<typeof prefixConfig> = {
  type: 'PREFIX_TUNING',
  config: prefixConfig,
  create: (config) => createPrefix(config),
  fromHfConfig: readHfPrefixConfig,
  adapterHub: prefixHubFormat,
};

/**
 * Prefix tuning (Li and Liang 2021, arXiv 2101.00190): in every layer, learned keys and values `[heads, prefixLength, headSize]` stand
 * before those of the text. Errors: `CONFIG_INVALID`; `plan`: `PREFIX_TOO_LONG` where `shift` leaves the text no positions.
 */
export const prefix = (config: z.input<typeof prefixConfig> = {}): PeftMethod<PrefixConfig> =>
  createPrefix(parseConfig(prefixConfig, config, 'prefix'));

/** `start` is known once `prepare` was called for an activation start; the plan does not depend on it but for the first values. */
function createPrefix(config: PrefixConfig, start?: PreparedStart): PeftMethod<PrefixConfig> {
  const fromActivations = config.initialisation === 'activation';
  const withStart = (specs: readonly ParameterSpec[], host: HostSpec): readonly ParameterSpec[] =>
    fromActivations ? specs.map((spec) => ({ ...spec, initial: preparedLaw(spec.name, host, start) })) : specs;
  return {
    type: prefixDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['keyValuePrefix'],
    plan(host) {
      requirePositions(config, host);
      const effective = prefixSites(config, host).flatMap(({ path, heads, headSize }) =>
        [keysName(config, path), valuesName(config, path)].map((name) => ({
          name,
          shape: [heads, config.prefixLength, headSize],
          site: path,
          perExample: 'axis' as const,
        })),
      );
      if (config.reparametrisation === 'mlp') return { raw: withStart(parametersOfMlp(config, host), host), effective };
      const standardDeviation = config.initialisation === 'bert' ? config.initialStandardDeviation : 1;
      const initial = { kind: 'normal', standardDeviation } as const;
      const raw = effective.map(({ name, shape }) => ({ name, shape, initial }));
      return { raw: withStart(raw, host), effective };
    },
    ...(config.reparametrisation === 'mlp' && { reparametrise: (raw, host) => produceFromMlp(config, raw, host) }),
    intervene: (effective, { host, mode, streams }) =>
      prefixSites(config, host).map(({ path }) => {
        const [keys, values] = [keysName(config, path), valuesName(config, path)].map((name) => {
          const tensor = getParameter(effective, name);
          return mode === 'train' ? dropout(tensor, config.dropout, substream(streams.dropout, name)) : tensor;
        });
        return { kind: 'keyValuePrefix', path, keys: keys!, values: values!, positions: config.positionPolicy };
      }),
    ...(fromActivations &&
      !start && {
        prepare: async (host, preparation) => createPrefix(config, await prepareStart(config, host, preparation)),
      }),
    combine: (members, options) => combinePrefixes(config, members, options, createPrefix),
    // HF peft has a prefix in every layer: fewer are stored under their own names.
    ...(config.layers === null && { files: prefixFiles(config) }),
  };
}

/** Values of another host would be a start from nothing: they count as not prepared. */
const preparedLaw = (name: string, host: HostSpec, start: PreparedStart | undefined): InitialLaw => {
  const values = start?.fingerprint === host.fingerprint ? start.values.get(name) : undefined;
  return values ? { kind: 'given', values } : { kind: 'unprepared' };
};

function requirePositions({ positionPolicy, prefixLength }: PrefixConfig, host: HostSpec): void {
  if (positionPolicy === 'none' || prefixLength < host.maxPositionEmbeddings) return;
  throw new PeftError('PREFIX_TOO_LONG', {
    found: `a prefix of ${prefixLength} positions shifts the text past the ${host.maxPositionEmbeddings} positions of "${host.name}"`,
    fix: 'shorten the prefix or use positionPolicy "none"',
  });
}

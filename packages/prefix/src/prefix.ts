import {
  dropout,
  getParameter,
  type HostSpec,
  type MethodDefinition,
  parseConfig,
  type PeftMethod,
  PeftError,
  sitesOfKind,
  substream,
} from '@tfjs-peft/peft-core';
import type { z } from 'zod';
import { type PrefixConfig, prefixConfig } from './config.js';
import { parametersOfMlp, produceFromMlp } from './mlp.js';
import { prefixFiles, readHfPrefixConfig } from './hf-files.js';
import { keysName, valuesName } from './names.js';

export const prefixDefinition: MethodDefinition<typeof prefixConfig> = {
  type: 'PREFIX_TUNING',
  config: prefixConfig,
  create: (config) => createPrefix(config),
  fromHfConfig: readHfPrefixConfig,
};

/**
 * Prefix tuning (Li and Liang 2021, arXiv 2101.00190): in every layer, learned keys and values `[heads, prefixLength, headSize]` stand
 * before those of the text. Errors: `CONFIG_INVALID`; `plan`: `PREFIX_TOO_LONG` where `shift` leaves the text no positions.
 */
export const prefix = (config: z.input<typeof prefixConfig> = {}): PeftMethod<PrefixConfig> =>
  createPrefix(parseConfig(prefixConfig, config, 'prefix'));

function createPrefix(config: PrefixConfig): PeftMethod<PrefixConfig> {
  return {
    type: prefixDefinition.type,
    config,
    namespaces: [config.name],
    plan(host) {
      requirePositions(config, host);
      const effective = sitesOfKind(host, 'attention').flatMap(({ path, heads, headSize }) =>
        [keysName(config, path), valuesName(config, path)].map((name) => ({
          name,
          shape: [heads, config.prefixLength, headSize],
          site: path,
          perExample: 'axis' as const,
        })),
      );
      if (config.reparametrisation === 'mlp') return { raw: parametersOfMlp(config, host), effective };
      const standardDeviation = config.initialisation === 'bert' ? config.initialStandardDeviation : 1;
      return {
        raw: effective.map(({ name, shape }) => ({ name, shape, initial: { kind: 'normal', standardDeviation } })),
        effective,
      };
    },
    ...(config.reparametrisation === 'mlp' && { reparametrise: (raw, host) => produceFromMlp(config, raw, host) }),
    intervene: (effective, { host, mode, streams }) =>
      sitesOfKind(host, 'attention').map(({ path }) => {
        const [keys, values] = [keysName(config, path), valuesName(config, path)].map((name) => {
          const tensor = getParameter(effective, name);
          return mode === 'train' ? dropout(tensor, config.dropout, substream(streams.dropout, name)) : tensor;
        });
        return { kind: 'keyValuePrefix', path, keys: keys!, values: values!, positions: config.positionPolicy };
      }),
    files: prefixFiles(config),
  };
}

function requirePositions({ positionPolicy, prefixLength }: PrefixConfig, host: HostSpec): void {
  if (positionPolicy === 'none' || prefixLength < host.maxPositionEmbeddings) return;
  throw new PeftError('PREFIX_TOO_LONG', {
    found: `a prefix of ${prefixLength} positions shifts the text past the ${host.maxPositionEmbeddings} positions of "${host.name}"`,
    fix: 'shorten the prefix or use positionPolicy "none"',
  });
}

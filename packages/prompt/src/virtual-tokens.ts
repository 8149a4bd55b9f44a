import { type HostSpec, type Parameters, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { type EffectiveSpec, getParameter } from '@tfjs-peft/peft-core/authoring';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';

/** What both methods have in common: rows before the text. */
export interface RowsConfig {
  readonly length: number;
  readonly name: string;
}

/** Name of the effective parameter, rows `[length, hidden]`. */
export const rowsName = ({ name }: RowsConfig) => `${name}.embeddings`;

/** Numbers of a row: as many as a word's, fewer than the hidden size in families with narrow embeddings. */
export const rowWidth = (host: HostSpec): number => sitesOfKind(host, 'embeddings')[0]?.size ?? host.hiddenSize;

/** The one effective parameter. Errors: `SITE_MISSING`, `PROMPT_TOO_LONG`. */
export function planRows(config: RowsConfig, host: HostSpec): EffectiveSpec {
  const [site] = sitesOfKind(host, 'embeddings');
  if (!site)
    throw new PeftError('SITE_MISSING', {
      found: `host "${host.name}" has no site of kind embeddings`,
      expected: 'one, where virtual tokens go before the text',
      fix: 'use a method that acts inside the layers on this host, prefix tuning for example',
    });
  if (config.length >= host.maxPositionEmbeddings)
    throw new PeftError('PROMPT_TOO_LONG', {
      found: `${config.length} virtual tokens, which leave the text none of the ${host.maxPositionEmbeddings} positions of "${host.name}"`,
      fix: 'shorten `length`',
    });
  return { name: rowsName(config), shape: [config.length, site.size], site: site.path, perExample: 'axis' };
}

export const interveneWithRows = (config: RowsConfig, effective: Parameters): Interventions => [
  { kind: 'tokenPrefix', embeddings: getParameter(effective, rowsName(config)) },
];

import { describeMethod } from '@tfjs-peft/peft-core';
import { type MethodDefinition, parseConfig } from '@tfjs-peft/peft-core/authoring';
import { hfTypes, unreadHfTypes, wayOutOf } from '@tfjs-peft/peft-core/files';
import { interventionRules } from '@tfjs-peft/peft-core/interventions';
import { fillPage } from './fill-page.js';

/** Where the table is. */
export const hfTypePage = new URL('../../docs/hf-methods.md', import.meta.url);

/** Configurations of methods that have none without entries of their own. */
const needed: Readonly<Record<string, object>> = { TRAINABLE_TOKENS: { token_indices: [0] } };

/** What a method's training here is not, for those where HF peft does more. */
const training: Readonly<Record<string, string>> = {
  ADALORA: 'at fixed ranks',
  BONE: 'yes; HF peft writes `MISS` today',
  DELORA: 'goes on from a file',
  HRA: 'yes, from another start',
  TRAINABLE_TOKENS: 'yes; HF peft keeps no head beside it',
};

/** The page with the table between `<!-- hf-types -->` and `<!-- /hf-types -->`. Errors: no such place. */
export const insertHfTypes = (page: string, definitions: readonly MethodDefinition[]): Promise<string> =>
  fillPage(page, 'hf-types', hfTypeTable(definitions), hfTypePage);

/** One row for each type of HF peft: what the registered methods do with it, or why none does. */
export function hfTypeTable(definitions: readonly MethodDefinition[]): string {
  const byType = new Map(definitions.map((definition) => [definition.type, definition]));
  const rows = hfTypes.map((type) => {
    const definition = byType.get(type);
    const unread = unreadHfTypes.get(type);
    if (definition?.fromHfConfig) return row(type, 'yes', 'yes', mergedBy(definition), training[type] ?? 'yes', '');
    if (!unread) throw new Error(`${type} is neither read nor on the list of those that are not`);
    return row(type, 'no', '', '', '', `${unread.reason}: ${wayOutOf(unread)}`);
  });
  const columns = row('type of HF peft', 'read, saved again', 'run', 'merged', 'trained', 'why not, and the way out');
  return [columns, '| - | - | - | - | - | - |', ...rows].join('\n');
}

const row = (type: string, ...cells: readonly string[]) =>
  `| ${[type === type.toUpperCase() ? `\`${type}\`` : type, ...cells].join(' | ')} |`;

/** Whether a weight can hold what the method does, by the kinds of its interventions. */
function mergedBy(definition: MethodDefinition): string {
  const method = definition.create(parseConfig(definition.config, needed[definition.type] ?? {}, definition.type), []);
  const { kinds = [] } = method;
  if (kinds.length === 0) throw new Error(`${describeMethod(method).type} does not declare its kinds`);
  return kinds.every((kind) => interventionRules[kind].merge) ? 'yes' : 'no: no weight can hold it';
}

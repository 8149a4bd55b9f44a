import { PeftError } from '../errors.js';
import type { HostTensors } from '../host.js';
import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import type { NamedArrays } from '../parameters.js';
import type { PeftMethod } from '../method.js';
import { hfConfigName } from './adapter-files.js';
import { blankEncoding, decodePart, inFile, readHostTensors } from './decode-part.js';
import type { CodecMethod } from './file-units.js';
import { savedTokens, type SavedTokensConfig } from './saved-tokens.js';

/** Single tokens that an adapter trains beside its method, before their tensors are read. */
export interface ExpectedTokens {
  readonly method: CodecMethod;
  /** The entry of adapter_config.json that is theirs. */
  readonly config: JsonObject;
  /** Names of their tensors. */
  readonly names: ReadonlySet<string>;
  /** From the tensors that have these names to effective parameters. Errors: `TENSOR_MISSING`, `TENSOR_MISSHAPEN`. */
  readonly decode: (tensors: NamedArrays) => NamedArrays;
}

/** What `trainable_token_indices` asks for; undefined without it. HF peft has the entry for LoRA alone. Errors: those of {@link savedTokens}. */
export async function expectTokens(
  { peft_type: peftType, trainable_token_indices: entry }: JsonObject,
  host: HostTensors,
  read: NamedArrays,
  where: string,
): Promise<ExpectedTokens | undefined> {
  const isEmpty =
    entry == null || (typeof entry === 'object' && !Array.isArray(entry) && Object.keys(entry).length === 0);
  if (isEmpty || peftType !== 'LORA') return undefined;
  const { spec } = host;
  const method = inFile(hfConfigName, () => {
    const made = savedTokens({
      trainable_token_indices: entry as SavedTokensConfig['trainable_token_indices'],
    }) as CodecMethod;
    made.plan(spec);
    return made;
  });
  const frozen = await readHostTensors(method.files, host);
  const blank = blankEncoding(method, spec, frozen, read, where);
  return {
    method,
    config: blank.config,
    names: new Set(blank.tensors.keys()),
    decode: (tensors) => decodePart(method, tensors, blank, spec, frozen, where),
  };
}

/** Parts the tensors of single tokens from all others. Errors: `TENSOR_MISSING`, `TENSOR_MISSHAPEN`. */
export function takeTokens(tensors: NamedArrays, tokens: ExpectedTokens | undefined) {
  if (!tokens) return { rest: tensors };
  const { method, names, decode } = tokens;
  const effective = decode(new Map([...tensors].filter(([name]) => names.has(name))));
  return { taken: { method, effective }, rest: new Map([...tensors].filter(([name]) => !names.has(name))) };
}

/** Tables that both single tokens and another method change; HF peft refuses them. */
export const sharedTables = (tokens: PeftMethod, other: PeftMethod, host: HostSpec): string[] => {
  const sites = new Set(other.plan(host).effective.map(({ site }) => site));
  return tokens.plan(host).effective.flatMap(({ site }) => (site !== undefined && sites.has(site) ? [site] : []));
};

/** Errors: `CONFIG_KEY_UNSUPPORTED` for a table that another method changes as well. */
export function requireOwnTables(tokens: PeftMethod, others: readonly PeftMethod[], host: HostSpec): void {
  const [shared] = others.flatMap((other) => sharedTables(tokens, other, host));
  if (shared === undefined) return;
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `${hfConfigName}: "trainable_token_indices" and another entry both change the table ${shared}`,
    expected: 'one of them: HF peft itself refuses both',
    fix: 'train the adapter again with one of them',
  });
}

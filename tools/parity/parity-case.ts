import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Logits = readonly (readonly number[])[];

/** One padded batch as JSON, `[batch, tokens]`. */
export interface ParityInputs {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
}

/** A host with adapters that HF peft wrote for it: what `hf_peft.py write` and `../shared/peft-fixtures` hold. */
export interface HostFolder {
  readonly name: string;
  /** Folder with `config.json` and `model.safetensors`. */
  readonly base: string;
  readonly inputs: ParityInputs;
  /** True for a decoder, whose logits are those of the next token, a row for every token that is no padding. */
  readonly predictsNext: boolean;
  /** True for a model that scores the choices of a question: one logit a text. */
  readonly scoresChoices?: boolean;
  /** Adapters with the logits that HF peft computed. */
  readonly adapters: readonly { readonly name: string; readonly folder: string; readonly logits: Logits }[];
}

/** One adapter on one host: what was compared, and what came out. */
export interface ParityCase {
  readonly host: HostFolder;
  readonly name: string;
  /** What both sides must compute. */
  readonly expected: Logits;
  /** Largest difference of our logits from HF peft's for an adapter that it wrote; absent for adapters trained here. */
  readonly loading?: number;
  /** Largest difference of the logits of the host merged here; absent for what no weight can hold. */
  readonly mergedHere?: number;
  /** How much the logits change without the method, its head alone: an adapter without an effect proves nothing. */
  readonly effect?: number;
  /** Where the adapter was saved by us; absent if that failed, and for methods that HF peft has not, which are merged alone. */
  readonly saved?: string;
  /** Largest difference of HF peft's logits for what we saved. */
  readonly saving?: number;
  /** Where the model lies with the adapter in its weights; absent for what no weight can hold. */
  readonly merged?: string;
  /** Largest difference of the logits of HF transformers for that model. */
  readonly merging?: number;
  /** Why a side could not do it. */
  readonly failure?: string;
}

/** Reads `expected.json` and the list of adapters of a folder. */
export function readHostFolder(name: string, folder: string): HostFolder {
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as ParityInputs & {
    cases: Record<string, { logits: Logits }>;
  };
  const config = readFileSync(join(folder, 'base', 'config.json'), 'utf8');
  return {
    name,
    base: join(folder, 'base'),
    inputs: { input_ids: expected.input_ids, attention_mask: expected.attention_mask },
    predictsNext: /ForCausalLM|LMHeadModel/.test(config),
    scoresChoices: /ForMultipleChoice/.test(config),
    adapters: Object.entries(expected.cases).map(([adapter, { logits }]) => ({
      name: adapter,
      folder: join(folder, 'adapters', adapter),
      logits,
    })),
  };
}

/** Families with RoBERTa's rule of positions. */
const numbersPadding = ['roberta', 'camembert', 'mpnet'];
/** Families whose classifier reads the first token even if it is padding, from which HF looks at everything, padding included. */
const readsPadding = ['deberta-v2', 'deberta-v2-apart'];

/**
 * Numbers of the texts whose logits must agree. Behind a prompt, HF's RoBERTa sees embeddings and no ids, so that it numbers padding like
 * text; here positions count text alone. The two differ where padding is on the left. So does what DeBERTa makes of padding itself, adapter or not.
 */
function comparableRows({ host, name }: Pick<ParityCase, 'host' | 'name'>): number[] {
  const rows = host.inputs.attention_mask.map((_, row) => row);
  const isPrompt = /prompt tuning|P-tuning/.test(name); // then the first place is a virtual token
  return (isPrompt ? numbersPadding : readsPadding).includes(host.name)
    ? rows.filter((row) => host.inputs.attention_mask[row]![0] === 1)
    : rows;
}

/** The largest difference of logits from what a case expects, over the texts on which both sides must agree. */
export function differenceFrom(parity: Pick<ParityCase, 'host' | 'name' | 'expected'>, logits: Logits): number {
  const { predictsNext } = parity.host;
  const pick = (from: Logits) => (predictsNext ? from : comparableRows(parity).map((row) => from[row] ?? []));
  return logits.length === parity.expected.length ? largestDifference(pick(logits), pick(parity.expected)) : NaN;
}

/** The largest absolute difference; NaN if there is a NaN or the shapes differ. */
export function largestDifference(one: Logits, other: Logits): number {
  const [left, right] = [one.flat(), other.flat()];
  if (left.length !== right.length || left.length === 0) return NaN;
  return Math.max(...left.map((value, index) => Math.abs(value - right[index]!)));
}

import { parseExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { languageExamples, openTaskData, type TextSession } from '@tfjs-peft/eval/trial';
import type { LabelledText } from '@tfjs-peft/glue-fewshot';
import type { DomainTexts } from '@tfjs-peft/meta';
import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import { type DecoderHost, parseGeneration, type Tokenizer } from '@tfjs-peft/transformer';
import type { Domain } from './text-families.js';

/** A part of a domain, and the rows that its texts were made of. */
export interface ReadDomain {
  readonly session: TextSession;
  readonly texts: DomainTexts;
  readonly rowOf: ReadonlyMap<EncodedText, LabelledText>;
}

/** How domains are read. */
export interface DomainReading {
  readonly host: DecoderHost;
  readonly tokenizer: Tokenizer;
  /** Folder of the family. */
  readonly directory: string;
  /** Of a text, and of a completion in it. */
  readonly maxTokens: number;
  readonly maxNewTokens: number;
}

/** Reads parts of domains, each once. Errors: `TASK_UNFIT` for a task of labels, those of reading a task. */
export function domainReader({ directory, maxNewTokens, ...opened }: DomainReading) {
  const known = new Map<string, Promise<ReadDomain>>();
  const readPart = async ({ task, group }: Domain, part: 'train' | 'test'): Promise<ReadDomain> => {
    const config = parseExperiment({
      version: 1,
      task,
      data: { directory, shots: 1, protocol: 'none', ...(group !== undefined && { group }) },
      methods: ['lora'],
    });
    const data = await openTaskData(config, [1], createCatalogue());
    if (data.kind !== 'texts')
      throw new PeftError('TASK_UNFIT', { found: `task ${task}, whose answers are labels`, expected: 'one of texts' });
    const rows = part === 'train' ? data.loaded.train : data.tests[0]!.rows;
    const session = { ...opened, data, generation: parseGeneration({ maxNewTokens }) };
    const examples = languageExamples(session, rows);
    return {
      session,
      texts: { name: group ?? task, examples: examples.flat() },
      rowOf: new Map(examples.flatMap((own, index) => own.map(({ text }) => [text, rows[index]!] as const))),
    };
  };
  return (domain: Domain, part: 'train' | 'test'): Promise<ReadDomain> => {
    const key = JSON.stringify([domain, part]);
    const read = known.get(key) ?? readPart(domain, part);
    known.set(key, read);
    return read;
  };
}

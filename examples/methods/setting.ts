import { selectBackend } from '@tfjs-peft/backend';
import { checkPeftMethod, type ConformanceOptions, type MethodFactory } from '@tfjs-peft/conformance';
import { spamSubjects, splitRows, splitTask } from '@tfjs-peft/glue-fewshot';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, head, type Host, type PeftMethod } from '@tfjs-peft/peft-core';
import { crossEntropy, labelledTask, type LabelledExample, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

/** What all these files start from: the embedded encoder and some labelled subject lines. */
export interface Setting {
  readonly host: Host;
  readonly examples: readonly LabelledExample[];
}

/** One for all files of a process. */
let setting: Promise<Setting> | undefined;
export const openSetting = (): Promise<Setting> => (setting ??= open());

async function open(): Promise<Setting> {
  await selectBackend();
  const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
  const task = { task: spamSubjects, ...(await spamSubjects.read({})) };
  const { train: rows } = splitRows(task, splitTask(task, { k: 32, dataSeed: 13 }));
  const examples = rows.map(({ texts, label }) => ({
    text: tokenizer.encode(texts[0]!, { maxTokens: 16 }),
    label,
  }));
  return { host, examples };
}

export const labels = ['ham', 'spam'];

/** Trains a method with a head for a few steps; says how the loss fell. */
export async function learn(method: PeftMethod, { steps = 10, learningRate = 3e-3, objective = crossEntropy() } = {}) {
  const { host, examples } = await openSetting();
  const result = await train({
    host,
    method: compose(method, head({ labels })),
    ...labelledTask({ train: examples, objective }),
    config: parseTrainConfig({ steps, learningRate, batchSize: 8, schedule: 'constant' }),
    seed: 13,
  });
  const [first, last] = [result.history[0]!, result.history.at(-1)!];
  if (!(last.loss < first.loss)) throw new Error(`the loss did not fall: ${first.loss} to ${last.loss}`);
  console.log(`${method.type}: loss ${first.loss.toFixed(3)} to ${last.loss.toFixed(3)} in ${result.steps} steps`);
  return result;
}

/** Runs the conformance kit and says how it went. Errors: one line for each broken rule. */
export async function passKit(make: MethodFactory, options: ConformanceOptions): Promise<void> {
  await openSetting();
  const results = await checkPeftMethod(make, options);
  const broken = results.filter(({ outcome }) => outcome !== 'passed' && outcome !== 'not applicable');
  if (broken.length > 0) throw new Error(broken.map(({ check, message }) => `${check}: ${message}`).join('\n'));
  const passed = results.filter(({ outcome }) => outcome === 'passed').length;
  console.log(`conformance kit: ${passed} checks passed, ${results.length - passed} not applicable`);
}

import { join } from 'node:path';
import { type ExperimentConfigInput, parseExperiment } from '@tfjs-peft/eval';
import { type Catalogue, createCatalogue } from '@tfjs-peft/eval/methods';
import { openSession, type Session } from '@tfjs-peft/eval/trial';

/** Tasks whose files are those of GLUE; the others are in `text-classification`. */
const glue = new Set(['sst2', 'cola', 'mrpc', 'qnli', 'rte', 'qqp', 'mnli', 'stsb']);

/** MiniLM on a task of `data` (the folder with glue and text-classification). */
export function openTaskSession(
  data: string,
  {
    task,
    prompted,
    ...settings
  }: { readonly task: string; readonly prompted: boolean } & ExperimentConfigInput['data'],
  catalogue: Catalogue = createCatalogue(),
): Promise<Session> {
  const config = parseExperiment({
    version: 1,
    task,
    data: { maxTokens: 64, ...settings, directory: join(data, glue.has(task) ? 'glue' : 'text-classification') },
    ...(prompted && { model: { prompt: {} } }),
    methods: ['head'],
  });
  return openSession(config, { catalogue, backend: {} });
}

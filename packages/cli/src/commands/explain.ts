import type { ModelConfig } from '@tfjs-peft/eval';
import { completeMethod, createCatalogue, findPreset, loadPlugins } from '@tfjs-peft/eval/methods';
import { explain, type Explanation, formatExplanation, PeftError } from '@tfjs-peft/peft-core';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { describeHost } from './describe-host.js';

export interface ExplainOptions {
  readonly model?: string;
  readonly plugin?: readonly string[];
  readonly json?: boolean;
}

/** `tfjs-peft explain`: what a method would train on a host and where it acts. Errors: `UNKNOWN_PRESET`, `HUB_OFFLINE`, those of the plan. */
export async function explainMethod(name: string, options: ExplainOptions, io: CliIo): Promise<number> {
  const catalogue = createCatalogue(await loadPlugins(options.plugin ?? [], process.cwd()));
  const { method, summary } = findPreset(catalogue, name);
  if (!method)
    throw new PeftError('NOTHING_TO_EXPLAIN', {
      found: `"${name}", which trains nothing inside the host`,
      expected: 'a method that is trained',
      fix: 'name another one; `tfjs-peft run --help` lists them',
    });
  const model = { name: options.model ?? 'minilm', readout: null, dropout: null } satisfies ModelConfig;
  const described = await describeHost(model);
  if (!described)
    throw new PeftError('HUB_OFFLINE', {
      found: `host "${model.name}", which is not on this machine`,
      fix: 'download it first with `tfjs-peft predict` or `run`, or name a folder',
    });
  const built = catalogue.registry.build(completeMethod(method, catalogue.registry, ['a', 'b'], null));
  const explanation: Explanation = explain(built, described.spec);
  io.out(options.json ? jsonLine(explanation) : `${summary}\n\n${formatExplanation(explanation)}\n`);
  return 0;
}

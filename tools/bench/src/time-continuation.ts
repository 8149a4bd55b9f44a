import { compose } from '@tfjs-peft/peft-core';
import { type DecoderHost, generate } from '@tfjs-peft/transformer';
import type { OperationWatch } from './profile-operations.js';

/** What is continued, and what of it is timed. */
interface Continuation {
  readonly host: DecoderHost;
  readonly prompt: readonly number[];
  readonly newTokens: number;
  /** `[from, to)`; all if absent. */
  readonly timed?: readonly [number, number] | undefined;
}

/** Continues a text by the likeliest tokens, none of which ends it; times are those of one token. */
export async function timeContinuation(
  { host, prompt, newTokens, timed: [from, to] = [0, newTokens] }: Continuation,
  watch?: OperationWatch,
): Promise<{ readonly tokens: readonly number[]; readonly milliseconds: number; readonly cpuMilliseconds: number }> {
  const now = () => ({ time: performance.now(), cpu: process.cpuUsage() });
  const marks = [now()];
  const [continued] = await generate({
    ...{ host, method: compose(), effective: new Map() },
    ...{ prompts: [prompt], settings: { maxNewTokens: newTokens }, endTokenIds: [] },
    onToken() {
      marks.push(now());
      watch?.endStep(marks.at(-1)!.time - marks.at(-2)!.time);
    },
  });
  const [start, end] = [marks[from]!, marks[to]!];
  const { user, system } = process.cpuUsage(start.cpu);
  const after = process.cpuUsage(end.cpu);
  return {
    tokens: continued!.ids,
    milliseconds: (end.time - start.time) / (to - from),
    cpuMilliseconds: (user + system - after.user - after.system) / 1000 / (to - from),
  };
}

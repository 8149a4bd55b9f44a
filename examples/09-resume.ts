// A run that is interrupted and started again ends with the same bits as one that was never stopped.
import { selectBackend } from '@tfjs-peft/backend';
import { lora } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, head, isPeftError } from '@tfjs-peft/peft-core';
import { createMemoryStore, labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const lines = ["Minutes of Tuesday's meeting", 'You have won', 'Lunch on Friday?', 'Cheap pills, no prescription'];
const examples = lines.map((line, index) => ({
  text: tokenizer.encode(line, { maxTokens: 32 }),
  label: index % 2,
}));
const request = {
  host,
  method: compose(lora({ rank: 4 }), head({ labels: ['ham', 'spam'], dropout: 0.1 })),
  ...labelledTask({ train: examples }),
  config: parseTrainConfig({ steps: 12, batchSize: 2, learningRate: 3e-3 }),
  seed: 13,
};

// `createFolderStore(folder)` of @tfjs-peft/eval keeps checkpoints on disk; this one keeps them in memory.
const store = createMemoryStore();
const stop = new AbortController();
try {
  await train({
    ...request,
    store,
    signal: stop.signal,
    onEvent: (event) => event.type === 'step' && event.row.step === 5 && stop.abort(),
  });
} catch (error) {
  if (!isPeftError(error) || error.code !== 'INTERRUPTED') throw error;
  console.log(error.message);
}

const resumed = await train({ ...request, store });
const unbroken = await train(request);
const same = [...unbroken.raw].every(([name, { data }]) =>
  data.every((value, index) => value === resumed.raw.get(name)!.data[index]),
);
console.log(`loss after ${resumed.steps} steps: ${resumed.history.at(-1)!.loss.toFixed(4)}`);
console.log(`the same bits as without the interruption: ${same}`);
host.dispose();

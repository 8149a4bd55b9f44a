// A method of your own: one trained vector a layer, added to what the layer says. A plain object; nothing else needs to know it.
import { selectBackend } from '@tfjs-peft/backend';
import { spamSubjects, splitRows, splitTask } from '@tfjs-peft/glue-fewshot';
import { minilmFiles } from '@tfjs-peft/minilm';
import { compose, countParameters, head, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import { getParameter } from '@tfjs-peft/peft-core/authoring';
import { accuracy, labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

/** `h' = h + steer`, h `[batch, tokens, size]`, steer `[size]` or, under a simplex, `[batch, size]`. */
const steering: PeftMethod = {
  type: 'STEERING',
  config: {},
  namespaces: ['steering'],
  kinds: ['hiddenDelta'],
  // Which parameters there are, and where each one acts. Zero changes nothing.
  plan(host) {
    const specs = sitesOfKind(host, 'hidden').map(({ path, size }) => ({
      name: `steering.${path}`,
      shape: [size],
      path,
    }));
    return {
      raw: specs.map(({ name, shape }) => ({ name, shape, initial: { kind: 'constant', value: 0 } })),
      effective: specs.map(({ name, shape, path }) => ({ name, shape, site: path, perExample: 'axis' })),
    };
  },
  // What they do there, as data.
  intervene: (effective, { host }) =>
    sitesOfKind(host, 'hidden').map(({ path, size }) => ({
      kind: 'hiddenDelta',
      path,
      apply: (h) => h.zerosLike().add(getParameter(effective, `steering.${path}`).reshape([-1, 1, size])),
    })),
};

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const task = { task: spamSubjects, ...(await spamSubjects.read({})) };
const rows = splitRows(task, splitTask(task, { k: 64, dataSeed: 13, testCap: 100 }));
const examples = (some: typeof rows.train) =>
  some.map(({ texts, label }) => ({ text: tokenizer.encode(texts[0]!, { maxTokens: 16 }), label }));

console.log(`${countParameters(steering.plan(host.spec)).trainable} trained numbers`);
const result = await train({
  host,
  method: compose(steering, head({ labels: ['ham', 'spam'] })),
  ...labelledTask({
    train: examples(rows.train),
    dev: examples(rows.tests[0]!.rows),
    score: accuracy,
  }),
  config: parseTrainConfig({ steps: 25, batchSize: 8, learningRate: 1e-2, validation: { mode: 'midpoint' } }),
  seed: 13,
});
console.log(`accuracy on 100 held-out subject lines: ${result.best?.headline.toFixed(2)}`);
host.dispose();

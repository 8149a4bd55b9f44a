import type { Mutant } from '../mutant.js';

export const trainingFaults: readonly Mutant[] = [
  // Training.
  {
    fault: 'weight decay is part of the gradient',
    file: 'packages/train/src/optimisers/adamw.ts',
    find: 'const kept = numbers.keep === 1 ? value : value.mul(scalar(numbers.keep));',
    replace: 'const kept = value;',
    suites: 'train adamw',
  },
  {
    fault: 'the first steps are not corrected for bias',
    file: 'packages/train/src/optimisers/adamw.ts',
    find: 'const first = (1 - beta1) / (1 - beta1 ** step);',
    replace: 'const first = 1 - beta1;',
    suites: 'train adamw',
  },
  {
    fault: 'gradients are clipped each for itself',
    file: 'packages/train/src/step/gradient-norm.ts',
    find: 'return tf.addN(tensors.map((tensor) => tensor.square().sum()));',
    replace: 'return tensors[0]!.square().sum();',
    suites: 'train train',
  },
  {
    fault: 'the validation metric is computed in training mode',
    file: 'packages/train/src/evaluate/score-logits.ts',
    find: "validation.mode === 'dropout' ? 'train' : 'sample'",
    replace: "'train'",
    suites: 'train train evaluate',
  },
  // The training question.
  {
    fault: 'terms are reported and not minimised',
    file: 'packages/peft-core/src/loss-and-gradients.ts',
    find: 'Object.values(terms).reduce<tf.Scalar>((total, term) => total.add(term), loss.clone())',
    replace: 'loss.clone()',
    suites: 'train objectives',
  },
  {
    fault: 'a frozen group is trained',
    file: 'packages/train/src/optimisers/parameter-groups.ts',
    find: '.filter(([, { frozen }]) => !frozen)',
    replace: '',
    suites: 'train optimisers',
  },
  {
    fault: 'momentum is forgotten between steps',
    file: 'packages/train/src/optimisers/sgd.ts',
    find: 'velocity.mul(momentum).add(scaled)',
    replace: 'scaled',
    suites: 'train optimisers',
  },
  {
    fault: 'warm-up never ends',
    file: 'packages/train/src/optimisers/schedule.ts',
    find: 'if (done < warmup) return done / warmup;',
    replace: 'if (warmup > 0) return done / warmup;',
    suites: 'train adamw train-config',
  },
  {
    fault: 'a changed checkpoint is taken',
    file: 'packages/train/src/run/checkpoint.ts',
    find: "file.metadata.get('sha256') !== (await digestContents(text, tensors))",
    replace: 'false',
    suites: 'train resume',
  },
  {
    fault: 'every epoch has the same order',
    file: 'packages/train/src/batches/batch-order.ts',
    find: 'orderOf(stream, epoch)',
    replace: 'orderOf(stream, 0)',
    suites: 'train train',
  },
  {
    fault: 'pairs are all of one class',
    file: 'packages/train/src/batches/contrastive-texts.ts',
    find: 'kinds[place % 2]!',
    replace: 'kinds[0]!',
    suites: 'train contrastive-texts',
  },
  {
    fault: 'labels are not smoothed',
    file: 'packages/train/src/objectives/cross-entropy.ts',
    find: '(1 - labelSmoothing) * weightOf(target)',
    replace: 'weightOf(target)',
    suites: 'train objectives',
  },
  {
    fault: 'an effect that the host leaves out goes unnoticed',
    file: 'packages/transformer/src/model/index-interventions.ts',
    find: 'if (!looked.has(kind))',
    replace: 'if (false)',
    suites: 'transformer new-kinds interventions',
  },
  // Data and metrics.
  {
    fault: 'permutations use a mask one bit too wide',
    file: 'packages/peft-core/src/pcg64.ts',
    find: '0xffffffff >>> Math.clz32(highest)',
    replace: '0xffffffff >>> (Math.clz32(highest) - 1)',
    suites: 'glue-fewshot numpy-permutation',
  },
  {
    fault: 'F1 is that of the negative class',
    file: 'packages/glue-fewshot/src/classification-metrics.ts',
    find: 'labels: Numbers, positive = 1): MetricValue {',
    replace: 'labels: Numbers, positive = 0): MetricValue {',
    suites: 'glue-fewshot evaluate-metrics',
  },
  {
    fault: 'a pair loses the first text first',
    file: 'packages/transformer/src/tokenizer/truncate-longest-first.ts',
    find: 'shorter <= half ? [shorter, budget - shorter] : [half, budget - half]',
    replace: '[half, budget - half]',
    suites: 'transformer truncate-longest-first',
  },
];

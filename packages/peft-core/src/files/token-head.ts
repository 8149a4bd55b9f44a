import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { type Adapter, runAdapter } from '../adapter.js';
import { PeftError } from '../errors.js';
import type { Host, HostInputs } from '../host.js';
import type { PeftMethod } from '../method.js';
import { getParameter } from '../parameters.js';
import { type MethodDefinition, parseConfig } from '../registry.js';
import { leavesOf } from '../select-parts.js';

const schema = z.strictObject({
  /** Names of the outputs of each token; start and end of an answer for questions. */
  labels: z.array(z.string()).min(1),
  /** What HF's class calls its head: `classifier` of token classification, `qa_outputs` of question answering. */
  module: z.enum(['classifier', 'qa_outputs']),
  /** Namespace of the parameters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('token-head'),
});

/** A validated configuration of `tokenHead`. */
export type TokenHeadConfig = z.output<typeof schema>;

/** Makes heads of single tokens known by name: type `TOKEN_HEAD`. */
export const tokenHeadDefinition: MethodDefinition<typeof schema> = {
  type: 'TOKEN_HEAD',
  config: schema,
  create: (config) => createTokenHead(config),
};

/**
 * The head of a classifier of tokens or of an answerer of questions, as HF peft stores it: `weight` `[labels, hidden]` and `bias` `[labels]`. It
 * changes nothing in a pass; {@link tokenLogits} applies it. It is read, run and saved again, and not trained here.
 */
export const tokenHead = (config: z.input<typeof schema>): PeftMethod<TokenHeadConfig> =>
  createTokenHead(parseConfig(schema, config, 'tokenHead'));

function createTokenHead(config: TokenHeadConfig): PeftMethod<TokenHeadConfig> {
  const { labels, module, name } = config;
  const parts = ['weight', 'bias'] as const;
  const nameOf = (part: 'weight' | 'bias') => `${name}.${part}`;
  const storedName = (part: 'weight' | 'bias') => tokenHeadNames(module)[parts.indexOf(part)]!;
  return {
    type: tokenHeadDefinition.type,
    config,
    namespaces: [name],
    kinds: [],
    plan({ hiddenSize }) {
      const specs = [
        { name: nameOf('weight'), shape: [labels.length, hiddenSize] },
        { name: nameOf('bias'), shape: [labels.length] },
      ];
      return {
        raw: specs.map((spec) => ({ ...spec, initial: { kind: 'unprepared' }, trainable: false })),
        effective: specs.map((spec) => ({ ...spec, perExample: 'none' })),
      };
    },
    intervene: () => [],
    files: {
      peftType: tokenHeadDefinition.type,
      headPrefix: 'base_model.model.',
      beside: true,
      encode: (effective) => ({
        config: { modules_to_save: [module] },
        tensors: new Map(parts.map((part) => [storedName(part), effective.get(nameOf(part))!])),
        differences: [],
      }),
      decode: (tensors) => new Map(parts.map((part) => [nameOf(part), tensors.get(storedName(part))!])),
    },
  };
}

/** Names of the head's tensors in files: weight, bias. */
export const tokenHeadNames = (module: TokenHeadConfig['module']): readonly [string, string] => [
  `base_model.model.${module}.weight`,
  `base_model.model.${module}.bias`,
];

/** The head of single tokens in a method; undefined if there is none. */
export const tokenHeadOf = (method: PeftMethod): PeftMethod<TokenHeadConfig> | undefined =>
  leavesOf(method).find((leaf): leaf is PeftMethod<TokenHeadConfig> => leaf.type === tokenHeadDefinition.type);

/**
 * Logits for every token, `[batch, tokens, labels]`; numbers at padding mean nothing. The caller disposes them.
 * Errors: `HEAD_MISSING` for an adapter without a {@link tokenHead}.
 */
export function tokenLogits(host: Host, adapter: Adapter, inputs: HostInputs): tf.Tensor3D {
  const head = tokenHeadOf(adapter.method);
  if (!head)
    throw new PeftError('HEAD_MISSING', {
      found: 'an adapter without a head for single tokens',
      expected: 'one of a classifier of tokens or of an answerer of questions',
      fix: 'use runAdapter for logits of whole texts, or for the hidden states',
    });
  const { name } = head.config;
  return tf.tidy((): tf.Tensor3D => {
    const { lastHiddenState: states } = runAdapter(host, adapter, inputs);
    const [batch = 1, tokens = 1] = inputs.inputIds.shape;
    // Virtual tokens of prompts come first.
    const own: tf.Tensor = states.slice([0, states.shape[1] - tokens, 0], [-1, tokens, -1]);
    const weight = getParameter(adapter.effective, `${name}.weight`);
    const flat = tf.matMul(own.reshape([-1, weight.shape[1]!]), weight, false, true);
    return flat.add(getParameter(adapter.effective, `${name}.bias`)).reshape([batch, tokens, weight.shape[0]!]);
  });
}

import { head, type HeadMethod, type Host, PeftError, type Readout, substream } from '@tfjs-peft/peft-core';
import {
  type HeadLayout,
  type InitialLaw,
  type MethodDefinition,
  normals,
  parseConfig,
  type Preparation,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { demonstrationsSchema } from './demonstrations.js';

const schema = z.strictObject({
  /** Names of the labels in the order of the logits. */
  labels: z.array(z.string()).min(2),
  /** The token of each label's word. */
  tokenIds: z.array(z.int().nonnegative()).min(2),
  /** How its texts were made prompts, for whoever opens the adapter: the template, the words themselves, and what stands behind a prompt. */
  prompt: z
    .strictObject({
      template: z.string().min(1).max(2000),
      words: z.array(z.string().min(1).max(200)).min(2),
      demonstrations: demonstrationsSchema.optional(),
    })
    .optional(),
  dropout: z.number().min(0).lt(1).default(0),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('head'),
});

/** A validated configuration of `labelWordHead`, defaults written out. */
export type LabelWordHeadConfig = z.output<typeof schema>;

/** Makes the head known by name: type `LABEL_WORD_HEAD`. */
export const labelWordHeadDefinition: MethodDefinition<typeof schema> = {
  type: 'LABEL_WORD_HEAD',
  config: schema,
  create: (config) => createLabelWordHead(config),
};

/** Where a host with a masked-language-model head keeps the rows of words and their biases. */
const decoderPaths = { weight: 'cls.predictions.decoder.weight', bias: 'cls.predictions.decoder.bias' } as const;

/**
 * A head that reads the mask's state (readout `mask`) and starts as the rows of the label words of a masked language model: its logits before training are
 * those of the words. A copy of these rows, trained and stored like any head (`classifier` of the adapter). Errors: `CONFIG_INVALID`, `LABEL_WORDS_MISMATCH`;
 * `prepare`: `MLM_HEAD_MISSING`.
 */
export const labelWordHead = (config: z.input<typeof schema>): HeadMethod<LabelWordHeadConfig> =>
  createLabelWordHead(parseConfig(schema, config, 'labelWordHead'));

function createLabelWordHead(
  config: LabelWordHeadConfig,
  start?: Readonly<Record<'weight' | 'bias', Float32Array>>,
  readout: Readout = 'mask',
): HeadMethod<LabelWordHeadConfig> {
  const { labels, tokenIds, dropout, name } = config;
  if (labels.length !== tokenIds.length)
    throw new PeftError('LABEL_WORDS_MISMATCH', {
      found: `${labels.length} labels and ${tokenIds.length} words`,
      expected: 'a word a label',
      fix: 'name the words in the order of the labels',
    });
  const plain = head({ labels, readout, dropout, name });
  const layout: HeadLayout = plain.head;
  const lawOf = (parameter: string): InitialLaw => {
    if (!start) return { kind: 'unprepared' };
    return { kind: 'given', values: parameter === layout.names.weight ? start.weight : start.bias };
  };
  const { withConfig: _withConfig, ...rest } = plain;
  return {
    ...rest,
    type: labelWordHeadDefinition.type,
    config,
    head: { ...layout, withReadout: (other) => createLabelWordHead(config, start, other) },
    plan(host) {
      const plan = plain.plan(host);
      return { ...plan, raw: plan.raw.map((spec) => ({ ...spec, initial: lawOf(spec.name) })) };
    },
    async prepare(host: Host, { vertex, stream }: Preparation) {
      const rows = await rowsOf(host, tokenIds);
      if (vertex === 0) return createLabelWordHead(config, rows, readout);
      // Vertices must not start from one point: each other one a little beside the words.
      const noise = normals(substream(stream, `${name}.start`), rows.weight.length);
      const weight = rows.weight.map((value, i) => value + vertexDeviation * noise[i]!);
      return createLabelWordHead(config, { ...rows, weight }, readout);
    },
  };
}

/** Standard deviation by which the vertices of a simplex start beside the words' rows. */
const vertexDeviation = 0.02;

/** Rows of the words and their biases. Errors: `MLM_HEAD_MISSING`. */
async function rowsOf(host: Host, tokenIds: readonly number[]) {
  const read = async (path: string) => {
    const rows = tf.tidy(() => tf.gather(tableOf(host, path), tf.tensor1d([...tokenIds], 'int32')));
    try {
      return Float32Array.from(await rows.data());
    } finally {
      rows.dispose();
    }
  };
  return { weight: await read(decoderPaths.weight), bias: await read(decoderPaths.bias) };
}

function tableOf(host: Host, path: string): tf.Tensor {
  const readouts = host.spec.sites.flatMap((site) => (site.kind === 'readout' ? site.readouts : []));
  if (readouts.includes('mask')) return host.weight(path);
  throw new PeftError('MLM_HEAD_MISSING', {
    found: `host "${host.spec.name}" without the head of a masked language model`,
    expected: 'a host that `createPromptedHost` made',
    fix: 'load the head with `loadMlmHead`, and wrap the host',
  });
}

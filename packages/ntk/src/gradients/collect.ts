import {
  type EncodedText,
  evaluationContext,
  type HostInputs,
  padBatch,
  type Parameters,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import {
  type Batch,
  effectiveParameters,
  getParameter,
  lossAndGradients,
  lossOfBatch,
  type Objective,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { Block, Piece } from './blocks.js';
import type { HostTensor } from './host-tensors.js';
import {
  embeddingProbe,
  firstColumn,
  probeInterventions,
  probeValues,
  requireProbes,
  type SeeSlope,
  tableRows,
  withoutProbes,
} from './probes.js';
import type { Question } from './question.js';
import { asRows, type Keep, watchModules } from './watch-modules.js';

/** A text and its place in the list that it is of. */
export interface PlacedText {
  readonly text: EncodedText;
  readonly place: number;
}

/**
 * The gradients of every output for every text of a batch, by one backward pass of summed outputs an output, plus one a text and output for parameters
 * without a batch axis. Without dropout. The caller disposes the piece. Errors: `KERNEL_OUTPUTS_INVALID`, `KERNEL_SCOPE_UNSUPPORTED`, those of the host.
 */
export function collectGradients(question: Question, placed: readonly PlacedText[]): Piece {
  const blocks = new Map<string, Block>();
  const kept: tf.Tensor[] = [];
  const keep = <T extends tf.Tensor>(tensor: T): T => {
    kept.push(tf.keep(tensor));
    return tensor;
  };
  try {
    const outputs = tf.tidy(() => {
      const texts = placed.map(({ text }) => text);
      const batched = collectBatch(question, texts, keep);
      batched.blocks.forEach((block, name) => blocks.set(name, block));
      collectLoop(question, texts, keep).forEach((block, name) => blocks.set(name, block));
      return keep(batched.outputs);
    });
    return { texts: placed.map(({ place }) => place), blocks, outputs };
  } catch (error) {
    tf.dispose(kept);
    throw error;
  }
}

/** What every backward pass of a batch gives. */
function collectBatch(question: Question, texts: readonly EncodedText[], keep: Keep) {
  const { host, axis, tensors, raw, contrasts } = question;
  const { spec } = host;
  const inputs = inputsOf(question, texts);
  const [batch, tokens] = inputs.inputIds.shape;
  const tiled = new Map(
    [...raw].map(([name, tensor]) => [name, axis.includes(name) ? tileOver(tensor, batch) : tensor]),
  );
  const probes = probeValues(tensors, spec, batch, tokens);
  const wrt = [...axis, ...probes.keys()];
  const watched = watchModules({ tensors, tokens: texts.map(({ inputIds }) => inputIds.length), keep });
  const byOutput: ReadonlyMap<string, tf.Tensor>[] = [];
  let outputs: tf.Tensor2D | undefined;
  const all = new Map([...tiled, ...probes]);
  for (const contrast of contrasts) {
    watched.begin();
    const { gradients, values } = passOf({ question, raw: all, inputs, contrast, wrt, see: watched.see });
    byOutput.push(gradients);
    outputs ??= values;
  }
  const blocks = new Map<string, Block>();
  const rowsOf = (name: string, shape: readonly number[]): Block => ({
    kind: 'rows',
    perOutput: byOutput.map((gradients) => keep(gradients.get(name) ?? tf.zeros([batch, ...shape]))),
  });
  for (const name of axis)
    if (name !== question.tied?.parameter) blocks.set(name, rowsOf(name, getParameter(raw, name).shape));
  for (const tensor of tensors)
    blocks.set(
      tensor.path,
      tensor.kind === 'table'
        ? tableBlock(tensor, question, texts, byOutput, keep)
        : // A map that no output depends on: the pooler beside a head on the mean.
          (watched.blockOf(tensor) ?? rowsOf(tensor.path, tensor.shape)),
    );
  return { blocks, outputs: outputs! };
}

/** Gradients of parameters that have one value a batch: a batch of one text at a time. */
function collectLoop(question: Question, texts: readonly EncodedText[], keep: Keep): Map<string, Block> {
  const { loop, raw, contrasts } = question;
  if (loop.length === 0) return new Map();
  const plain = { ...question, tensors: [] };
  const perText = texts.map((text) =>
    tf.tidy(() => {
      const inputs = inputsOf(plain, [text]);
      return contrasts.flatMap((contrast) => {
        const { gradients } = passOf({ question: plain, raw, inputs, contrast, wrt: loop, see: () => {} });
        return loop.map((name) => gradients.get(name) ?? tf.zerosLike(getParameter(raw, name)));
      });
    }),
  );
  return new Map(
    loop.map((name, index) => [
      name,
      {
        kind: 'rows',
        perOutput: contrasts.map((_, output) =>
          keep(tf.stack(perText.map((all) => all[output * loop.length + index]!))),
        ),
      },
    ]),
  );
}

interface OnePass {
  readonly question: Question;
  readonly raw: Parameters;
  readonly inputs: HostInputs;
  readonly contrast: readonly number[];
  readonly wrt: readonly string[];
  readonly see: SeeSlope;
}

/** The gradients of one output, summed over the batch, and all outputs. Call inside `tf.tidy`. */
function passOf({ question, raw, inputs, contrast, wrt, see }: OnePass) {
  const { host, tensors, contrasts } = question;
  const own = question.method;
  const texts = inputs.inputIds.shape[0];
  const method: PeftMethod = {
    type: own.type,
    config: own.config,
    namespaces: own.namespaces,
    plan: (spec) => own.plan(spec),
    reparametrise: (all, spec) => {
      const parameters = withoutProbes(all);
      const probes = [...all].filter(([name]) => !parameters.has(name));
      return new Map([...effectiveParameters(own, parameters, spec), ...probes]);
    },
    intervene: (effective, context) => {
      const acting = own.intervene(withoutProbes(effective), context);
      requireProbes(tensors, acting);
      return [...acting, ...probeInterventions(tensors, host.spec, effective, texts, see)];
    },
  };
  let values: tf.Tensor2D | undefined;
  const objective: Objective = {
    id: 'output',
    loss(pass, _batch, context) {
      const { logits } = pass(context);
      if (!logits || logits.shape[1] !== contrast.length) throw outputsMissing(logits);
      values = tf.keep(tf.matMul<tf.Tensor2D>(logits, tf.tensor2d(contrasts.map((row) => [...row])), false, true));
      return { loss: logits.mul(tf.tensor1d([...contrast])).sum() };
    },
  };
  const batch: Batch = { inputs, targets: undefined };
  const context = evaluationContext(host.spec, texts);
  try {
    const request = { host, method, raw, batch, objective, context };
    if (wrt.length === 0) lossOfBatch(request);
    const gradients = wrt.length === 0 ? new Map<string, tf.Tensor>() : lossAndGradients({ ...request, wrt }).gradients;
    return { gradients, values: values!.clone() as tf.Tensor2D };
  } finally {
    values?.dispose();
  }
}

/** A padded batch of which every place that is no padding is named, unless virtual tokens stand before the text. */
function inputsOf({ host, method, tensors }: Question, texts: readonly EncodedText[]): HostInputs {
  const { textPositions, ...padded } = padBatch(texts, host.spec.padTokenId, {
    maxTokens: host.spec.maxPositionEmbeddings,
  });
  if (tensors.length === 0) return { ...padded, ...(textPositions && { textPositions }) };
  const movesTokens = method.kinds === undefined || method.kinds.includes('tokenPrefix');
  if (movesTokens) return padded;
  const tokens = padded.inputIds.shape[1];
  const places = texts.flatMap(({ inputIds }, row) => inputIds.map((_, token) => row * tokens + token));
  return { ...padded, textPositions: tf.tensor1d(places, 'int32') };
}

/**
 * Sums over the rows of a table that a text reads more than once. A parameter that is tied to some of the rows is one more reading of each of
 * them, so that all cross terms are there.
 */
function tableBlock(
  tensor: HostTensor,
  { host, tied }: Question,
  texts: readonly EncodedText[],
  byOutput: readonly ReadonlyMap<string, tf.Tensor>[],
  keep: Keep,
): Block {
  const first = firstColumn(host.spec);
  const alsoRead = tied?.table === tensor.path ? tied : undefined;
  const tokens = texts.map((text) => tableRows(tensor, host.spec, text));
  const unique = tokens.map((rows) => [...new Set([...rows, ...(alsoRead?.rows ?? [])])]);
  const lengths = unique.map(({ length }) => length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const slopes = byOutput.map((gradients) => {
    const probe = gradients.get(embeddingProbe)!;
    const own = alsoRead && gradients.get(alsoRead.parameter);
    // A row a place: first those of the tokens, then those of the tied parameter.
    const source: tf.Tensor2D = tf.concat<tf.Tensor2D>([asRows(probe), ...(own ? [asRows(own)] : [])]);
    const columns = probe.shape[1]!;
    const width = source.shape[0]!;
    const sums = new Float32Array(total * width);
    let entry = 0;
    tokens.forEach((rows, text) => {
      const places = new Map(unique[text]!.map((row, i) => [row, entry + i]));
      const add = (row: number, place: number) => (sums[places.get(row)! * width + place] = 1);
      rows.forEach((row, token) => add(row, text * columns + first + token));
      if (own) alsoRead.rows.forEach((row, i) => add(row, texts.length * columns + text * alsoRead.rows.length + i));
      entry += lengths[text]!;
    });
    return keep(tf.matMul<tf.Tensor2D>(tf.tensor2d(sums, [total, width]), source));
  });
  return { kind: 'table', ids: Int32Array.from(unique.flat()), lengths, slopes };
}

const tileOver = (tensor: tf.Tensor, batch: number): tf.Tensor =>
  tensor.expandDims(0).tile([batch, ...tensor.shape.map(() => 1)]);

const outputsMissing = (logits: tf.Tensor | undefined) =>
  new PeftError('KERNEL_OUTPUTS_INVALID', {
    found: logits ? `${logits.shape[1]} logits` : 'a pass without logits',
    expected: 'the logits of the head',
    fix: 'compose the method with a head',
  });

import { type Adapter, type Host, PeftError } from '@tfjs-peft/peft-core';
import { type BottleneckForm, type Intervention, type ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import { type Encoder, type ModelType, requireEncoder } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { compareForms, type FormCheck, requireDeclaredForms } from './declared-forms.js';
import { indexEffects } from './effect-index.js';
import { type Effects, effectsOf } from './effects.js';
import { type GraphValue, writeOnnxModel } from './format/onnx-model.js';
import { createGraphBuilder } from './graph/graph-builder.js';
import { readsTokenTypes, shiftOf, writeEmbeddings } from './graph/write-embeddings.js';
import { writeLayer } from './graph/write-encoder.js';
import { inputNames, writeNorm, type Writing } from './graph/write-maps.js';
import { writeHead } from './graph/write-head.js';
import { readNumbers } from './numbers.js';

/** How a graph is written. */
export interface OnnxOptions {
  /**
   * `f16` keeps tables and matrices as halves that the graph widens: half the size, all is computed in F32. Default `f32`. What an F16 host and
   * its adapter computed before stays the same; weights of an F32 host are rounded.
   */
  readonly dtype?: 'f32' | 'f16';
}

/** A graph as the bytes of an .onnx file. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** Of its inputs, all `[batch, tokens]` int64: `input_ids`, `attention_mask` and, where the host has some, `token_type_ids`. */
  readonly inputs: readonly string[];
}

/** Architectures whose every step the graph has; a reason for the others. Exhaustive, so that a new one does not compile until it is decided. */
const written: Readonly<Record<ModelType, true | string>> = {
  bert: true,
  roberta: true,
  'xlm-roberta': true,
  camembert: true,
  distilbert: true,
  electra: true,
  mpnet: true,
  albert: true,
  'deberta-v2': true,
  modernbert: true,
};

/** Errors: `HOST_UNSUPPORTED`. */
function requireWritten({ config, family }: Encoder): void {
  const answer = written[config.modelType];
  if (answer === true) return;
  throw new PeftError('HOST_UNSUPPORTED', {
    found: `a ${family.name} encoder: ${answer}`,
    expected: `one of ${Object.entries(written)
      .flatMap(([type, known]) => (known === true ? [type] : []))
      .join(', ')}`,
    fix: 'run the adapter with this library, or merge it for HF transformers (tfjs-peft merge)',
  });
}

/** Protobuf's own limit for one message. */
const largestFile = 2 ** 31 - 1;

/**
 * Host, adapter and head as one ONNX graph (opset 17) from token ids to `logits` `[batch, labels]`, a simplex as its midpoint: changes of weights
 * are merged, prefixes and prompts are constants, bottleneck adapters nodes. Any batch size and length; padding on either side.
 * Errors: `NOT_EXPORTABLE` for functions of activations that are not data; `HEAD_MISSING`; `ONNX_TOO_LARGE`; `ADAPTER_FOR_ANOTHER_HOST`;
 * `HOST_UNSUPPORTED`; `TENSOR_NOT_NARROWABLE` for numbers beyond F16.
 */
export async function exportOnnx(host: Host, adapter: Adapter, options: OnnxOptions = {}): Promise<OnnxModel> {
  const { encoder } = requireEncoder(host);
  requireWritten(encoder);
  const effects = keepEffects(host, adapter);
  try {
    await requireDeclaredForms(effects.checks);
    const { changes, items, copies } = effects;
    const head = items.find((item): item is ReadoutMap => item.kind === 'readout');
    if (!head)
      throw new PeftError('HEAD_MISSING', {
        found: 'an adapter without a head',
        expected: 'a method with a HEAD, whose logits are the output of the graph',
        fix: 'train and save it together with a head: compose(method, head({ labels }))',
      });
    const paths = host.spec.sites.flatMap((site) => (site.kind === 'tensor' ? [site.path] : []));
    const { dtype = 'f32' } = options;
    const numbers = await readNumbers(host, changes, { paths, copies, dtype });
    const writing: Writing = { graph: createGraphBuilder(), encoder, effects: indexEffects(items), numbers };
    return writeModel(writing, items, host.spec.name);
  } finally {
    tf.dispose([
      ...effects.changes.values(),
      ...effects.copies.values(),
      ...effects.checks.map((one) => one.difference),
    ]);
  }
}

function writeModel(writing: Writing, items: Effects['items'], name: string): OnnxModel {
  const { graph, encoder, effects } = writing;
  const prefixes = items.filter((item) => item.kind === 'keyValuePrefix');
  const embedded = writeEmbeddings(shiftOf(prefixes), writing);
  const states = encoder.order.reduce(
    (x, layer) => writeLayer(x, embedded, encoder.layers[layer]!, writing),
    embedded.states,
  );
  const [head] = effects.take('readout');
  const { finalNorm } = encoder;
  const last = finalNorm === undefined ? states : writeNorm(states, finalNorm, writing);
  writeHead(last, embedded, head!, writing);
  effects.requireAllTaken();
  const inputs = [inputNames.ids, inputNames.mask, ...(readsTokenTypes(writing) ? [inputNames.types] : [])];
  const value = (input: string): GraphValue => ({ name: input, type: 'int64', shape: ['batch', 'tokens'] });
  const size = graph.constants.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (size > largestFile - 2 ** 20)
    throw new PeftError('ONNX_TOO_LARGE', {
      found: `${(size / 2 ** 30).toFixed(1)} GiB of weights`,
      expected: 'less than 2 GiB, the limit of the file format',
      fix: 'store the weights as F16 (dtype "f16", --dtype f16)',
    });
  const bytes = writeOnnxModel({
    name,
    nodes: graph.nodes,
    constants: graph.constants,
    inputs: inputs.map(value),
    outputs: [{ name: 'logits', type: 'float', shape: ['batch', head!.weight.shape.at(-2)!] }],
  });
  return { bytes, inputs };
}

interface KeptEffects extends Effects {
  /** By the tensors of the items, which may be gone or belong to others. */
  readonly copies: ReadonlyMap<tf.Tensor, tf.Tensor>;
  readonly checks: readonly FormCheck[];
}

/** The effects with copies of their tensors; the caller disposes changes, copies and checks. */
function keepEffects(host: Host, adapter: Adapter): KeptEffects {
  let kept: KeptEffects = { changes: new Map(), items: [], copies: new Map(), checks: [] };
  tf.tidy(() => {
    const effects = effectsOf(host, adapter);
    const copies = new Map(effects.items.flatMap(tensorsOf).map((tensor) => [tensor, tensor.clone()]));
    kept = { ...effects, copies, checks: compareForms(effects.items, host) };
    return [...kept.changes.values(), ...copies.values(), ...kept.checks.map(({ difference }) => difference)];
  });
  return kept;
}

/** The tensors of what becomes nodes. */
function tensorsOf(item: Intervention): tf.Tensor[] {
  switch (item.kind) {
    case 'keyValuePrefix':
      return [item.keys, item.values];
    case 'tokenPrefix':
      return [item.embeddings];
    case 'readout':
      return [item.weight, item.bias, item.hidden?.weight, item.hidden?.bias, item.hidden?.norm].filter(
        (tensor) => tensor !== undefined,
      );
    case 'sublayerAdapter':
    case 'hiddenDelta':
      return ofForm(item.form!);
    default:
      return [];
  }
}

const ofForm = ({ down, downBias, up, upBias, scale }: BottleneckForm): tf.Tensor[] => [
  down,
  downBias,
  up,
  upBias,
  ...(typeof scale === 'number' ? [] : [scale]),
];

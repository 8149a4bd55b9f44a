import {
  type Context,
  type Host,
  type HostInputs,
  type HostOutputs,
  type HostSpec,
  PeftError,
  type Readout,
} from '@tfjs-peft/peft-core';
import { logitsAlone } from '@tfjs-peft/peft-core/authoring';
import type { Interventions } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { rotaryAngles } from '../kernels/rotary.js';
import { overBatch } from '../kernels/over-batch.js';
import { applyHead } from '../model/apply-head.js';
import { applyNorm } from '../model/apply-norm.js';
import {
  marksWithPrompts,
  maskWithPrompts,
  requireInputs,
  requireKnownIds,
  tokenLayoutOf,
} from '../model/host-inputs.js';
import { indexInterventions } from '../model/index-interventions.js';
import { lookUp } from '../model/look-up.js';
import { dropOut, type Pass } from '../model/pass.js';
import { canPick, passOfPicked, pickMarked, withoutPadding } from '../model/pick-tokens.js';
import { readoutUnavailable } from '../model/readout-unavailable.js';
import { requirePositions } from '../model/require-positions.js';
import { indexSites } from '../model/site-index.js';
import { paddedLayout } from '../model/token-layout.js';
import { warn } from '../model/warn.js';
import { fingerprintHost, type TensorDigest } from '../weights/fingerprint.js';
import { changeDigests, checkChanges, overlayWeights } from '../weights/overlay-weights.js';
import { readTensors } from '../weights/read-weights.js';
import type { TensorSource } from '../weights/tensor-source.js';
import { uploadWeights, type WeightStore } from '../weights/weight-store.js';
import { requireContinuable, requireDocumentsApart, seesWholeText } from './continuable.js';
import { decoderTensors, matchDecoderTensors } from './decoder-tensors.js';
import type { DecoderPass, LayerPast, Past } from './decoder-pass.js';
import type { Decoder, DecoderLayer } from './describe-decoder.js';
import type { DecoderConfig } from './family.js';
import { decoderSpec } from './host-spec.js';
import { decoderReadouts, readoutPath } from './list-sites.js';
import { outputTable } from './output-table.js';
import { parseDecoderConfig } from './parse-decoder-config.js';
import { lastToken, readText } from './read-last.js';
import { runDecoderLayer } from './run-layer.js';
import { additive, positionsOf, visibleTokens } from './visible-tokens.js';

/** The parts of a decoder: configuration, tensors, name. */
export interface DecoderOptions {
  /** The parsed config.json. */
  readonly config: unknown;
  readonly tensors: TensorSource;
  /** Where the host comes from, for messages and files. */
  readonly name: string;
  /** The usual readout; `last` if absent. */
  readonly defaultReadout?: Readout;
  /** Dropout of the frozen decoder in training: the rates of config.json if absent, none, or one rate for all places. */
  readonly dropout?: false | number;
  /** Told about stored tensors that belong to heads of other tasks and are left out; a console warning if absent. */
  readonly onIgnored?: (names: readonly string[]) => void;
}

/** What a pass gives that may be continued. */
export type ContinuedOutputs = HostOutputs & { readonly past: Past };

/** A decoder with the configuration that it computes by. */
export interface DecoderHost extends Host {
  readonly config: DecoderConfig;
  /** Its modules with paths and sizes. */
  readonly decoder: Decoder;
  /**
   * A pass that goes on where `past` ended, or begins: the inputs are the new tokens alone. A pure function like `forward`; `past` is not
   * changed and stays the caller's. Errors: those of `forward`; `PAST_UNUSABLE` for effects that see all of a text at once.
   */
  continue(inputs: HostInputs, interventions: Interventions, context: Context, past?: Past): ContinuedOutputs;
  withWeights(changes: ReadonlyMap<string, tf.Tensor>): Promise<DecoderHost>;
}

/** Whether a host is a decoder of this package. */
export const isDecoderHost = (host: Host): host is DecoderHost => 'decoder' in host && 'continue' in host;

/** The host as a decoder of this package. Errors: `HOST_UNSUPPORTED` for another kind of host. */
export function requireDecoder(host: Host): DecoderHost {
  if (isDecoderHost(host)) return host;
  throw new PeftError('HOST_UNSUPPORTED', {
    found: `host "${host.spec.name}" of type "${host.spec.modelType}", which does not predict the next token`,
    expected: 'a decoder: GPT-2, Llama or one of its relatives',
    fix: 'load a causal language model',
  });
}

/**
 * A frozen decoder from a configuration and tensors; weights are read, checked, widened and uploaded once.
 * Errors: those of {@link parseDecoderConfig}; `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`; `READOUT_UNAVAILABLE`; `OPTION_INVALID`.
 */
export async function createDecoderHost(options: DecoderOptions): Promise<DecoderHost> {
  const { name, tensors: source, onIgnored = warnIgnored(name) } = options;
  const config = withDropout(parseDecoderConfig(options.config, name), options.dropout);
  const { tensors: matched, decoder, ignored } = matchDecoderTensors(config, source, name);
  if (ignored.length > 0) onIgnored(ignored);
  // Maps of one input are not kept side by side here: their widths differ.
  const upload = uploadWeights([], name);
  try {
    const digests = await readTensors(matched, source, name, upload.take);
    const spec = decoderSpec(decoder, name, fingerprintOf(config, digests), options.defaultReadout);
    return hostOf({ decoder, digests, weights: upload.done() }, name, spec);
  } catch (error) {
    upload.dispose();
    throw error;
  }
}

/** Which tokens end a text decides nothing that a pass computes. */
function fingerprintOf(config: DecoderConfig, digests: ReadonlyMap<string, TensorDigest>): string {
  const { endTokenIds: _ends, ...computed } = config;
  return fingerprintHost(computed, digests);
}

/** Maps of one input are not kept side by side here: their widths differ. */
const noJoins = { layers: [] } as const;

interface HostParts {
  readonly decoder: Decoder;
  readonly digests: ReadonlyMap<string, TensorDigest>;
  readonly weights: WeightStore;
}

function hostOf({ decoder, digests, weights }: HostParts, name: string, spec: HostSpec): DecoderHost {
  const { config } = decoder;
  const sites = indexSites(spec);

  /** One pass; with `remembers` also what the next one needs. */
  const run = (
    inputs: HostInputs,
    interventions: Interventions,
    context: Context,
    past: Past | undefined,
    remembers: boolean,
  ): HostOutputs & { readonly past?: Past } => {
    requireInputs(inputs);
    requireKnownIds(inputs, { words: config.vocabSize });
    requireDocumentsApart(interventions, inputs, name);
    return tf.tidy(() => {
      const indexed = indexInterventions(interventions, sites, inputs.inputIds.shape[0]);
      const plain: Pass = {
        config,
        weights,
        interventions: indexed,
        context,
        attentionMask: inputs.attentionMask,
        layout: paddedLayout,
      };
      const words = wordsWithPrompts(inputs, decoder, plain, past);
      const attentionMask = maskWithPrompts(inputs.attentionMask, words.shape[1]!);
      const { virtual, before } = lengthsOf(words, inputs, past);
      requirePositions(indexed.positionOffset, virtual + before, inputs, config.maxPositionEmbeddings);
      const visible = visibleTokens({
        past: past?.mask,
        present: attentionMask,
        virtual,
        documentIds: inputs.documentIds,
      });
      const positions = positionsOf(visible, indexed.positionOffset);
      const layout = past ? paddedLayout : tokenLayoutOf(inputs, attentionMask);
      const pass: DecoderPass = {
        ...plain,
        config,
        decoder,
        past,
        attentionMask,
        layout,
        mask: additive(visible),
        angles: config.rotaryBase === null ? undefined : rotaryAngles(positions, config.headSize, config.rotaryBase),
      };
      const placed = decoder.positions ? words.add(lookUp(positions, decoder.positions.path, plain)) : words;
      const { readout, requireApplied } = indexed;
      const last = decoder.layers.at(-1)!;
      const lastOnly = context.reads === 'logits' && readout !== undefined && readout.readout !== 'mean' && !remembers;
      const pick = lastOnly
        ? pickMarked(marksWithPrompts(lastToken(inputs.attentionMask), attentionMask.shape[1]))
        : undefined;
      const early = pick && canPick(afterAttention(last), interventions) ? pick : undefined;
      let x = layout.pack(dropOut(placed, config.embeddingDropout, decoder.words.path, plain));
      const layers: LayerPast[] = [];
      for (let layer = 0; layer < config.numHiddenLayers; layer++) {
        const isLast = layer === last.layer;
        const output = runDecoderLayer({ x, layer, pass, remembers, ...(early && isLast && { pick: early }) });
        x = output.states;
        if (output.present) layers.push(output.present);
      }
      if (early) {
        const state = withoutPadding(applyNorm(x, decoder.finalNorm, passOfPicked(early, x, pass)), early, pass);
        const features = state.reshape([state.shape[0]!, state.shape[2]!]) as tf.Tensor2D;
        const logits = applyHead(features, readout!, readoutPath, pass);
        requireApplied();
        return logitsAlone(logits);
      }
      const lastHiddenState = layout.unpack(applyNorm(x, decoder.finalNorm, pass)) as tf.Tensor3D;
      const logits =
        readout &&
        applyHead(readText(lastHiddenState, inputs.attentionMask, readout.readout), readout, readoutPath, pass);
      const outputEmbeddings = outputTable(pass);
      const ahead = interventions.find(seesWholeText);
      requireApplied();
      const mask = past ? (tf.concat([past.mask, attentionMask], 1) as tf.Tensor2D) : attentionMask.clone();
      return {
        lastHiddenState,
        ...(logits && { logits }),
        ...(outputEmbeddings && { outputEmbeddings, ...(ahead && { seesAhead: ahead.kind }) }),
        ...(remembers && { past: { layers, mask } }),
      };
    });
  };

  return {
    spec,
    config,
    decoder,
    forward: (inputs, interventions, context) => run(inputs, interventions, context, undefined, false),
    continue(inputs, interventions, context, past) {
      requireContinuable(interventions, inputs, past, name);
      return run(inputs, interventions, context, past, true) as ContinuedOutputs;
    },
    readOut(lastHiddenState, attentionMask, readout) {
      if (!decoderReadouts.includes(readout)) throw readoutUnavailable(readout, name, decoderReadouts);
      return tf.tidy(() => readText(lastHiddenState, attentionMask, readout));
    },
    weight: (path) => weights.tensor(path),
    async withWeights(changes) {
      checkChanges(weights, changes, name);
      const changed = await changeDigests(digests, changes, decoderTensors(decoder));
      const overlaid = overlayWeights(weights, changes, noJoins);
      return hostOf({ decoder, digests: changed, weights: overlaid }, name, {
        ...spec,
        fingerprint: fingerprintOf(config, changed),
      });
    },
    dispose: () => weights.dispose(),
  };
}

/** The modules of a layer that come after its attention, and the layer, whose output is theirs. */
const afterAttention = (layer: DecoderLayer) => [
  layer,
  layer.attentionOutput,
  ...(layer.feedForwardGate ? [layer.feedForwardGate] : []),
  layer.feedForwardIn,
  layer.feedForwardOut,
  ...Object.values(layer.sublayers),
];

/** Word embeddings `[batch, virtual + tokens, hidden]`, rows of prompts before them at the beginning of a text. */
function wordsWithPrompts({ inputIds }: HostInputs, { words }: Decoder, pass: Pass, past: Past | undefined): tf.Tensor {
  const [batch] = inputIds.shape;
  const rows = lookUp(inputIds, words.path, pass);
  const { tokenPrefixes } = pass.interventions;
  if (past || tokenPrefixes.length === 0) return rows;
  return tf.concat([...tokenPrefixes.map(({ embeddings }) => overBatch(embeddings, 2, batch)), rows], 1);
}

const lengthsOf = (words: tf.Tensor, { inputIds }: HostInputs, past: Past | undefined) => ({
  virtual: words.shape[1]! - inputIds.shape[1],
  before: past?.mask.shape[1] ?? 0,
});

/** Errors: `OPTION_INVALID`. */
function withDropout(config: DecoderConfig, dropout: false | number | undefined): DecoderConfig {
  if (dropout === undefined) return config;
  const rate = dropout === false ? 0 : dropout;
  if (rate >= 0 && rate < 1) return { ...config, embeddingDropout: rate, hiddenDropout: rate, attentionDropout: rate };
  throw new PeftError('OPTION_INVALID', {
    found: `dropout ${rate}`,
    expected: 'false or a number from 0 to below 1',
  });
}

const warnIgnored = (name: string) => (names: readonly string[]) =>
  warn(`Host "${name}": left out ${names.length} tensors of other heads (${names.slice(0, 3).join(', ')}).`);

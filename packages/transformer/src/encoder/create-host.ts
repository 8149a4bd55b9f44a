import {
  type Context,
  evaluationContext,
  type Host,
  type HostInputs,
  type HostOutputs,
  type HostSpec,
  PeftError,
  type Readout,
  substream,
} from '@tfjs-peft/peft-core';
import { logitsAlone } from '@tfjs-peft/peft-core/authoring';
import { type Interventions, modulePathOf } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { type Encoder, type EncoderLayer, readoutsOf } from '../architecture/encoder.js';
import type { EncoderConfig } from '../architecture/family.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { readWeights, type ReadWeights } from '../weights/read-weights.js';
import type { TensorSource } from '../weights/tensor-source.js';
import { expectedTensors } from '../weights/expected-tensors.js';
import { fingerprintHost } from '../weights/fingerprint.js';
import { changeDigests, checkChanges, overlayWeights } from '../weights/overlay-weights.js';
import { type WeightStore, type WeightUpload, uploadWeights } from '../weights/weight-store.js';
import { attentionTerms, noTerms } from './attention-terms.js';
import { embedTokens } from './embed-tokens.js';
import { applyNorm } from '../model/apply-norm.js';
import { warn } from '../model/warn.js';
import { readoutUnavailable } from '../model/readout-unavailable.js';
import { specOf } from './host-spec.js';
import { indexInterventions, type InterventionIndex } from '../model/index-interventions.js';
import { additiveMask } from '../kernels/masked-softmax.js';
import type { EncoderPass } from './encoder-pass.js';
import { readoutPath } from './list-sites.js';
import { readOut } from './read-out.js';
import { keptStates, keptSteps } from './kept-states.js';
import { type LayerRequest, runLayer } from './run-layer.js';
import { indexSites } from '../model/site-index.js';
import { applyHead } from '../model/apply-head.js';
import {
  marksWithPrompts,
  maskWithPrompts,
  requireInputs,
  requireKnownIds,
  requireOneDocument,
  tokenLayoutOf,
} from '../model/host-inputs.js';
import { canPick, passOfPicked, pickFirst, pickMarked, type TokenPick, withoutPadding } from '../model/pick-tokens.js';
import { paddedLayout } from '../model/token-layout.js';

/** The parts of a host: configuration, tensors, name. */
export interface HostOptions {
  /** The parsed config.json. */
  readonly config: unknown;
  readonly tensors: TensorSource;
  /** Where the host comes from, for messages and files. */
  readonly name: string;
  /** The usual readout; if absent that of HF's classifier where the checkpoint has it (`pooler` for BERT), else `cls`. */
  readonly defaultReadout?: Readout;
  /** Dropout of the frozen encoder in training: the rates of config.json if absent, none, or one rate for all places. */
  readonly dropout?: false | number;
  /** Told about stored tensors that belong to heads of other tasks and are left out; a console warning if absent. */
  readonly onIgnored?: (names: readonly string[]) => void;
}

/** A host of this package with the configuration that it computes by: for MLM heads and other parts of the same checkpoint. */
export interface EncoderHost extends Host {
  readonly config: EncoderConfig;
  /** Its modules with paths and sizes: for savers and exporters. */
  readonly encoder: Encoder;
  /**
   * The last hidden state of one token a text alone, `[batch, 1, hidden]`: that at which `marks` `[batch, tokens]` is 1 and not 0. As in
   * `forward`, but the last layer computes no other token after its attention.
   */
  stateAt(inputs: HostInputs, interventions: Interventions, context: Context, marks: tf.Tensor): tf.Tensor3D;
  withWeights(changes: ReadonlyMap<string, tf.Tensor>): Promise<EncoderHost>;
}

/** The host as one of this package. Errors: `HOST_UNSUPPORTED` for another kind of host. */
export function requireEncoder(host: Host): EncoderHost {
  if ('encoder' in host) return host as EncoderHost;
  if ('decoder' in host)
    throw new PeftError('HOST_UNSUPPORTED', {
      found: `host "${host.spec.name}" of type "${host.spec.modelType}", a decoder`,
      expected: 'an encoder: what was asked for is not implemented for decoders',
      fix: 'take an encoder, or keep the adapter as it is',
    });
  throw new PeftError('HOST_UNSUPPORTED', {
    found: `host "${host.spec.name}", which this package did not make`,
    expected: 'a host of loadHost, loadHostFromUrl, createHost or createRandomHost',
    fix: 'load the model with one of them',
  });
}

/**
 * A frozen encoder from a configuration and tensors; weights are read, checked, widened and uploaded once.
 * Errors: those of {@link parseHostConfig}; `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`; `READOUT_UNAVAILABLE`; `OPTION_INVALID`.
 */
export async function createHost(options: HostOptions): Promise<EncoderHost> {
  const { name, tensors, onIgnored = warnIgnored(name) } = options;
  const config = withDropout(parseHostConfig(options.config, name), options.dropout);
  let upload: WeightUpload | undefined;
  try {
    const read = await readWeights(config, tensors, name, ({ layers }) => (upload = uploadWeights(layers, name)).take);
    if (read.ignored.length > 0) onIgnored(read.ignored);
    const spec = specOf(read.encoder, name, read.fingerprint, options.defaultReadout);
    return hostOf({ ...read, weights: upload!.done() }, name, spec);
  } catch (error) {
    upload?.dispose();
    throw error;
  }
}

/** What a host computes with, and what tells it from others. */
interface HostParts extends Pick<ReadWeights, 'encoder' | 'digests'> {
  readonly weights: WeightStore;
}

function hostOf({ encoder, digests, weights }: HostParts, name: string, spec: HostSpec): EncoderHost {
  const { config } = encoder;
  const sites = indexSites(spec);
  const readoutsHere = readoutsOf(encoder);
  const passOf = (interventions: Interventions, context: Context, attentionMask: tf.Tensor2D): EncoderPass => ({
    encoder,
    config,
    weights,
    interventions: indexInterventions(interventions, sites, attentionMask.shape[0]),
    context,
    attentionMask,
    layout: paddedLayout,
    terms: noTerms,
  });

  /** The states that enter a step of a text alone `[1, tokens, hidden]`, where nothing acts below and position ids begin at `offset`. */
  const statesOfText = (inputs: HostInputs, { positionOffset }: InterventionIndex, context: Context, steps: number) => {
    const plain = passOf([], context, inputs.attentionMask);
    const pass = { ...plain, interventions: { ...plain.interventions, positionOffset } };
    const terms = attentionTerms(inputs.inputIds.shape[1], pass);
    const request = { mask: additiveMask(inputs.attentionMask), pass: { ...pass, terms } };
    return runSteps({ ...request, x: embedTokens(inputs, pass), from: 0, to: steps });
  };

  /** Embeds the batch; `run` gives the last states `[batch, tokens, hidden]`, or those of the picked tokens. */
  const begin = (inputs: HostInputs, interventions: Interventions, context: Context) => {
    requireInputs(inputs);
    requireKnownIds(inputs, { words: config.vocabSize, types: encoder.embeddings.tokenTypes?.rows });
    requireOneDocument(inputs, name);
    const textPass = passOf(interventions, context, inputs.attentionMask);
    const known = keptSteps(inputs, interventions, context, encoder);
    const embedded = known > 0 ? undefined : tf.tidy(() => embedTokens(inputs, textPass));
    const attentionMask = maskWithPrompts(inputs.attentionMask, embedded?.shape[1] ?? inputs.inputIds.shape[1]);
    const layout = tokenLayoutOf(inputs, attentionMask);
    const terms = attentionTerms(attentionMask.shape[1], textPass);
    const pass: EncoderPass = { ...textPass, attentionMask, layout, terms };
    const run = (pick?: TokenPick): tf.Tensor3D => {
      const mask = additiveMask(attentionMask);
      const { order, layers, finalNorm } = encoder;
      const last = layers[order.at(-1)!]!;
      const early = pick && known < order.length && canPick(afterAttention(last), interventions) ? pick : undefined;
      const entered = embedded
        ? layout.pack(embedded)
        : keptStates(inputs, pass, spec.fingerprint, known, (text) =>
            statesOfText(text, pass.interventions, context, known),
          );
      let x = runSteps({ x: entered, mask, pass, from: known, to: order.length, ...(early && { pick: early }) });
      if (finalNorm !== undefined) x = applyNorm(x, finalNorm, early ? passOfPicked(early, x, pass) : pass);
      if (!early) {
        const all = layout.unpack(x) as tf.Tensor3D;
        return pick ? (pick(all) as tf.Tensor3D) : all;
      }
      return withoutPadding(x, early, pass) as tf.Tensor3D;
    };
    return { pass, run };
  };

  return {
    spec,
    config,
    encoder,
    forward(inputs: HostInputs, interventions: Interventions, context: Context): HostOutputs {
      return tf.tidy(() => {
        const { pass, run } = begin(inputs, interventions, context);
        const { readout } = pass.interventions;
        const first = context.reads === 'logits' && readout !== undefined && readout.readout !== 'mean';
        const states = run(first ? pickFirst : undefined);
        const featuresOf = (wanted: Readout) => readOut(states, inputs.attentionMask, wanted, pass);
        const features = readout && featuresOf(readout.readout);
        const logits = readout && applyHead(features!, readout, readoutPath, pass);
        const changesPooler = interventions.some(
          (item) => 'path' in item && modulePathOf(item) === encoder.pooler?.path,
        );
        const pooled = !first && changesPooler && (readout?.readout === 'pooler' ? features! : featuresOf('pooler'));
        pass.interventions.requireApplied();
        if (first) return logitsAlone(logits!);
        return { lastHiddenState: states, ...(logits && { logits }), ...(pooled && { pooled }) };
      });
    },
    stateAt(inputs, interventions, context, marks) {
      return tf.tidy(() => {
        const { pass, run } = begin(inputs, interventions, context);
        const state = run(pickMarked(marksWithPrompts(marks, pass.attentionMask.shape[1])));
        pass.interventions.requireApplied();
        return state;
      });
    },
    readOut(lastHiddenState, attentionMask, readout) {
      if (!readoutsHere.includes(readout)) throw readoutUnavailable(readout, name, readoutsHere);
      const batch = lastHiddenState.shape[0];
      return tf.tidy(() =>
        readOut(lastHiddenState, attentionMask, readout, passOf([], evaluationContext(spec, batch), attentionMask)),
      );
    },
    weight: (path) => weights.tensor(path),
    async withWeights(changes) {
      checkChanges(weights, changes, name);
      const changed = await changeDigests(digests, changes, expectedTensors(encoder));
      const fingerprint = fingerprintHost(config, changed);
      const overlaid = overlayWeights(weights, changes, encoder);
      return hostOf({ encoder, digests: changed, weights: overlaid }, name, { ...spec, fingerprint });
    },
    dispose: () => weights.dispose(),
  };
}

/** The modules of a layer that come after its attention, and the layer, whose output is theirs. */
const afterAttention = (layer: EncoderLayer) => [
  layer,
  ...Object.values(layer.linears),
  ...Object.values(layer.sublayers),
];

/** Runs the layers of some steps of a pass; with `pick` the last one gives those tokens alone. */
function runSteps(request: Omit<LayerRequest, 'layer'> & { readonly from: number; readonly to: number }): tf.Tensor {
  const { from, to, pick, pass, mask } = request;
  const { order } = pass.encoder;
  return order.slice(from, to).reduce((x, layer, index) => {
    const step = from + index;
    const own = ofStep(step, order.indexOf(layer), pass);
    return runLayer({ x, mask, layer, pass: own, ...(pick && step === to - 1 && { pick }) });
  }, request.x);
}

/** A layer that runs several times drops other entries each time. */
function ofStep(step: number, firstStep: number, pass: EncoderPass): EncoderPass {
  const { context } = pass;
  if (step === firstStep || context.mode !== 'train') return pass;
  const streams = { ...context.streams, dropout: substream(context.streams.dropout, `step.${step}`) };
  return { ...pass, context: { ...context, streams } };
}

/** Errors: `OPTION_INVALID`. */
function withDropout(config: EncoderConfig, dropout: false | number | undefined): EncoderConfig {
  if (dropout === undefined) return config;
  const rate = dropout === false ? 0 : dropout;
  if (!(rate >= 0 && rate < 1))
    throw new PeftError('OPTION_INVALID', {
      found: `dropout ${rate}`,
      expected: 'false or a number from 0 to below 1',
    });
  return { ...config, hiddenDropout: rate, attentionDropout: rate };
}

const warnIgnored = (name: string) => (names: readonly string[]) =>
  warn(
    `Host "${name}": left out ${names.length} tensors of other heads (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}).`,
  );

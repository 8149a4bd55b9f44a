import { evaluationContext, type HostInputs, type Parameters, type PeftMethod } from '@tfjs-peft/peft-core';
import { timesTransposed } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { isContinuable } from '../decoder/continuable.js';
import type { DecoderHost } from '../decoder/create-host.js';
import type { Past } from '../decoder/decoder-pass.js';

/** A decoder with a method and its parameters. */
export interface Speaker {
  readonly host: DecoderHost;
  readonly method: PeftMethod;
  readonly effective: Parameters;
}

/** Texts that grow by one token at a time. */
export interface Stepper {
  /** Logits `[texts, vocabulary]`, row-major, of the token after each text. */
  begin(prompts: readonly (readonly number[])[]): Promise<Float32Array>;
  /** The same after text `from[i]` was continued with `tokens[i]`: texts may be left out and repeated. */
  advance(from: readonly number[], tokens: readonly number[]): Promise<Float32Array>;
  dispose(): void;
}

/** Texts with what the host remembers of them where the method allows it, else run from their beginning each time. */
export function createStepper(speaker: Speaker): Stepper {
  const { host, method, effective } = speaker;
  const isPlain = tf.tidy(() => isContinuable(method.intervene(effective, evaluationContext(host.spec, 1))));
  return isPlain ? withPast(speaker) : fromTheBeginning(speaker);
}

function withPast({ host, method, effective }: Speaker): Stepper {
  let past: Past | undefined;
  const run = async (inputs: HostInputs, last: readonly number[]): Promise<Float32Array> => {
    const before = past;
    try {
      const { logits, next } = tf.tidy(() => {
        const context = evaluationContext(host.spec, last.length);
        const outputs = host.continue(inputs, method.intervene(effective, context), context, before);
        return { logits: scoresAfter(outputs, last), next: outputs.past };
      });
      if (before) tf.dispose(before);
      past = next;
      return await readAndDispose(logits);
    } finally {
      tf.dispose(Object.values(inputs));
    }
  };
  return {
    begin: (prompts) =>
      run(
        padded(prompts),
        prompts.map(({ length }) => length - 1),
      ),
    advance(from, tokens) {
      past = pick(past!, from);
      return run(
        padded(tokens.map((token) => [token])),
        tokens.map(() => 0),
      );
    },
    dispose() {
      if (past) tf.dispose(past);
      past = undefined;
    },
  };
}

function fromTheBeginning({ host, method, effective }: Speaker): Stepper {
  let texts: readonly (readonly number[])[] = [];
  const run = async (): Promise<Float32Array> => {
    const logits = tf.tidy(() => {
      const context = evaluationContext(host.spec, texts.length);
      const outputs = host.forward(padded(texts), method.intervene(effective, context), context);
      return scoresAfter(
        outputs,
        texts.map(({ length }) => length - 1),
      );
    });
    return readAndDispose(logits);
  };
  return {
    begin(prompts) {
      texts = prompts;
      return run();
    },
    advance(from, tokens) {
      texts = tokens.map((token, row) => [...texts[from[row]!]!, token]);
      return run();
    },
    dispose: () => {
      texts = [];
    },
  };
}

/** The rows `from` of a past, which is disposed unless it stays the same. */
function pick(past: Past, from: readonly number[]): Past {
  const rows = past.mask.shape[0];
  if (from.length === rows && from.every((row, index) => row === index)) return past;
  const picked = tf.tidy(() => {
    const indices = tf.tensor1d([...from], 'int32');
    return {
      layers: past.layers.map(({ keys, values }) => ({
        keys: tf.gather(keys, indices),
        values: tf.gather(values, indices),
      })),
      mask: tf.gather(past.mask, indices),
    };
  });
  tf.dispose(past);
  return picked;
}

/** Texts padded on the right. */
function padded(texts: readonly (readonly number[])[]): HostInputs {
  const length = Math.max(...texts.map((text) => text.length));
  const fill = (valueOf: (id: number) => number) =>
    tf.tensor2d(
      texts.map((text) => Array.from({ length }, (_, token) => (token < text.length ? valueOf(text[token]!) : 0))),
      [texts.length, length],
      'int32',
    );
  return { inputIds: fill((id) => id), attentionMask: fill(() => 1) };
}

/** Logits of the token after place `last[i]` of text i. */
function scoresAfter(
  { lastHiddenState, outputEmbeddings }: ReturnType<DecoderHost['forward']>,
  last: readonly number[],
): tf.Tensor2D {
  const [batch, length, size] = lastHiddenState.shape;
  // Virtual tokens stand before the text; all texts of a batch have the same number of them.
  const virtual = length - Math.max(...last) - 1;
  const places = last.map((place, row) => row * length + virtual + place);
  const states = tf.gather(lastHiddenState.reshape([batch * length, size]), tf.tensor1d(places, 'int32'));
  return timesTransposed(states as tf.Tensor2D, outputEmbeddings!.table);
}

async function readAndDispose(logits: tf.Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from(await logits.data());
  } finally {
    logits.dispose();
  }
}

import { createCatalogue } from '@tfjs-peft/eval/methods';
import {
  type Adapter,
  combineAdapters,
  compose,
  createStream,
  disableParts,
  disposeParameters,
  evaluationContext,
  head,
  type Host,
  type HostInputs,
  initialValues,
  isPeftError,
  loadAdapter,
  mergeAdapter,
  type PeftMethod,
  runAdapter,
  runRows,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { objectiveOfOutputs, type Preparation } from '@tfjs-peft/peft-core/authoring';
import { exportOnnx } from '@tfjs-peft/onnx';
import { effectiveParameters, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { subspace } from '@tfjs-peft/subspace';
import * as tf from '@tensorflow/tfjs';
import { largestDifference, type Rows, rowsTensor, runGraph, runHere } from '../jest/run-graph.js';

/** What a probe found: yes, with a remark perhaps, or no and why. */
export interface Finding {
  readonly answer: 'yes' | 'no';
  readonly note?: string;
}

export interface Probe {
  /** Column of the matrix. */
  readonly operation: string;
  readonly meaning: string;
  run(method: PeftMethod, host: Host): Promise<Finding>;
}

const labels = ['a', 'b'];
const yes = (note?: string): Finding => ({ answer: 'yes', ...(note && { note }) });
const no = (note: string): Finding => ({ answer: 'no', note });

/** Texts of 7 and 4 tokens. */
const rows: Rows = {
  ids: [
    [5, 9, 17, 23, 31, 8, 6],
    [12, 40, 41, 7, 1, 1, 1],
  ],
  mask: [
    [1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 0, 0],
  ],
  types: [
    [0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0],
  ],
};
const inputsOf = (): HostInputs => ({ inputIds: rowsTensor(rows.ids), attentionMask: rowsTensor(rows.mask) });
const withHead = (method: PeftMethod): PeftMethod => compose(method, head({ labels }));

/** The method as `train` would prepare it: one batch of the probes' texts, beside a head. */
export async function prepared(method: PeftMethod, host: Host): Promise<PeftMethod> {
  const stream = createStream(3);
  const preparation: Preparation = {
    batches: {
      async *[Symbol.asyncIterator]() {
        const inputs = inputsOf();
        try {
          yield { inputs, targets: [] };
        } finally {
          tf.dispose({ ...inputs });
        }
      },
    },
    objective: objectiveOfOutputs('squares', ({ logits }) => logits!.square().sum() as tf.Scalar),
    others: compose(head({ labels })),
    shared: stream,
    stream,
    vertex: 0,
  };
  return (await method.prepare?.(host, preparation)) ?? method;
}

/** The method after some training: initial values with small changes, so that nothing is at its neutral start. */
function trainedAdapter(method: PeftMethod, host: Host, seed = 1): Adapter {
  const raw = initialValues(method.plan(host.spec), createStream(seed));
  const effective = tf.tidy(() => {
    const tensors = toParameters(raw);
    const made = effectiveParameters(method, tensors, host.spec);
    return [...made].map(([name, tensor], index): [string, tf.Tensor] => [
      name,
      // Places stay where they are.
      tf.keep(
        tensor.dtype === 'int32'
          ? tensor.clone()
          : tensor.add(tf.randomNormal(tensor.shape, 0, 0.1, 'float32', seed * 1000 + index)),
      ),
    ]);
  });
  return { method, effective: new Map(effective), hostFingerprint: host.spec.fingerprint };
}

const logitsOf = (host: Host, adapter: Adapter) => tf.tidy(() => runAdapter(host, adapter, inputsOf()).logits!);
async function difference(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  const [value] = await tf.tidy(() => a.sub(b).abs().max()).data();
  return value!;
}
/** Runs what may be refused: a typed refusal is an answer, anything else a bug. */
async function answer(run: () => Promise<Finding>): Promise<Finding> {
  try {
    return await run();
  } catch (error) {
    if (isPeftError(error)) return no(error.text.found);
    throw error;
  }
}

export const probes: readonly Probe[] = [
  {
    operation: 'trains',
    meaning:
      'the loss has a finite gradient for every trainable parameter that it depends on, not zero for all of them',
    run: (method, host) =>
      answer(async () => {
        const whole = withHead(method);
        const plan = whole.plan(host.spec);
        const raw = toParameters(initialValues(plan, createStream(2)));
        const names = plan.raw.filter(({ trainable }) => trainable !== false).map(({ name }) => name);
        const norms = tf.tidy(() => {
          const { grads } = tf.engine().gradients(
            () => {
              const effective = effectiveParameters(whole, raw, host.spec);
              const context = evaluationContext(host.spec, 2);
              const { logits } = host.forward(inputsOf(), whole.intervene(effective, context), context);
              return logits!.square().sum() as tf.Scalar;
            },
            names.map((name) => raw.get(name)!),
            undefined,
            true,
          );
          return tf.stack(grads.map((gradient) => (gradient ? gradient.square().sum() : tf.scalar(NaN))));
        });
        const values = await norms.data();
        norms.dispose();
        disposeParameters(raw);
        const without = names.filter((_, index) => !Number.isFinite(values[index]));
        if (!values.some((value) => value > 0)) return no('all gradients are zero');
        return without.length === 0 ? yes() : yes(`yes, but for ${without.join(', ')} (not on the way to the readout)`);
      }),
  },
  {
    operation: 'draws of a simplex',
    meaning:
      'how a simplex over it differs between the examples of a batch, from the plan: numbers of parameters of each kind',
    run: (method, host) =>
      answer(async () => {
        const counts = new Map<string, number>();
        for (const { perExample, shape } of method.plan(host.spec).effective)
          counts.set(perExample, (counts.get(perExample) ?? 0) + sizeOf(shape));
        const simplex = subspace(withHead(method));
        const adapter = trainedAdapter(simplex, host);
        const context = { ...evaluationContext(host.spec, 2), mode: 'sample' as const };
        const logits = tf.tidy(() => runAdapter(host, adapter, inputsOf(), context).logits!);
        const finite = (await logits.data()).every(Number.isFinite);
        logits.dispose();
        disposeParameters(adapter.effective);
        if (!finite) return no('the drawn pass is not finite');
        const words = { axis: 'per example', outputs: 'outputs mixed per example', none: 'per batch' };
        const total = [...counts.values()].reduce((a, b) => a + b, 0);
        const described = [...counts].map(
          ([kind, count]) =>
            `${words[kind as keyof typeof words]}${counts.size > 1 ? ` ${Math.round((100 * count) / total)} %` : ''}`,
        );
        return yes(described.join(', '));
      }),
  },
  {
    operation: 'merges',
    meaning: 'mergeAdapter puts it into the weights and the logits stay within 1e-4',
    run: (method, host) =>
      answer(async () => {
        const adapter = trainedAdapter(withHead(method), host);
        try {
          const before = logitsOf(host, adapter);
          const merged = await mergeAdapter(host, adapter);
          const after = logitsOf(merged.host, merged.rest!);
          const distance = await difference(before, after);
          tf.dispose([before, after]);
          merged.host.dispose();
          return distance < 1e-4 ? yes() : no(`logits differ by ${distance}`);
        } finally {
          disposeParameters(adapter.effective);
        }
      }),
  },
  {
    operation: 'ONNX',
    meaning: 'exportOnnx writes it, and ONNX Runtime gives the same logits within 1e-4',
    run: (method, host) =>
      answer(async () => {
        const adapter = trainedAdapter(withHead(method), host);
        try {
          const { bytes } = await exportOnnx(host, adapter);
          const distance = largestDifference(await runGraph(bytes, rows), await runHere(host, adapter, rows));
          return distance < 1e-4 ? yes() : no(`logits differ by ${distance}`);
        } finally {
          disposeParameters(adapter.effective);
        }
      }),
  },
  {
    operation: 'combines',
    meaning: 'combineAdapters makes one adapter of two',
    run: (method, host) =>
      answer(async () => {
        const members = [1, 2].map((seed) => ({ adapter: trainedAdapter(method, host, seed), weight: 0.5 }));
        try {
          const combined = await combineAdapters(members, host.spec);
          disposeParameters(combined.effective);
          return yes();
        } finally {
          members.forEach(({ adapter }) => disposeParameters(adapter.effective));
        }
      }),
  },
  {
    operation: 'files',
    meaning: 'saved and loaded it gives the same logits to the bit or within 1e-6',
    run: (method, host) =>
      answer(async () => {
        const adapter = trainedAdapter(withHead(method), host);
        const loaded = await loadAdapter(await saveAdapter(adapter, host), host, createCatalogue().registry);
        const [before, after] = [logitsOf(host, adapter), logitsOf(host, loaded)];
        const distance = await difference(before, after);
        tf.dispose([before, after]);
        disposeParameters(adapter.effective);
        disposeParameters(loaded.effective);
        return distance < 1e-6 ? yes() : no(`logits differ by ${distance}`);
      }),
  },
  {
    operation: 'HF peft reads it',
    meaning:
      'the folder is one that HF peft loads and computes the same from, with the head of its classifier; else why not',
    run: (method, host) =>
      answer(async () => {
        const { readout, hidden } = host.spec.classifier;
        const own = head({
          labels,
          readout,
          hidden: hidden?.activation ?? 'none',
          ...(hidden?.norm !== undefined && { normalised: true as const }),
        });
        const adapter = trainedAdapter(compose(method, own), host);
        const files = await saveAdapter(adapter, host);
        disposeParameters(adapter.effective);
        const record = JSON.parse(new TextDecoder().decode(files.get('tfjs_peft.json'))) as { differences: string[] };
        return record.differences.length === 0 ? yes() : no(record.differences.join('; '));
      }),
  },
  {
    operation: 'disables',
    meaning: 'without its part the logits are those of the head alone, and come back with it',
    run: (method, host) =>
      answer(async () => {
        const adapter = trainedAdapter(withHead(method), host);
        const off = disableParts(adapter, method.namespaces);
        const bare = disableParts(adapter, []);
        const [with1, without, with2] = [logitsOf(host, adapter), logitsOf(host, off), logitsOf(host, bare)];
        const [changed, same] = [await difference(with1, without), await difference(with1, with2)];
        tf.dispose([with1, without, with2]);
        disposeParameters(adapter.effective);
        return changed > 0 && same === 0 ? yes() : no('disabling changes nothing');
      }),
  },
  {
    operation: 'one a row',
    meaning: 'in a batch with a plain head each row gets what it gets alone, within 1e-5',
    run: (method, host) =>
      answer(async () => {
        const adapter = trainedAdapter(withHead(method), host);
        const other = trainedAdapter(head({ labels }), host, 3);
        const mixed = tf.tidy(() => runRows(host, [adapter, other], [0, 1], inputsOf()));
        const alone = tf.tidy(() =>
          tf.concat([
            runAdapter(host, adapter, inputsOf()).logits!.slice([0, 0], [1, 2]),
            runAdapter(host, other, inputsOf()).logits!.slice([1, 0], [1, 2]),
          ]),
        );
        const distance = await difference(mixed, alone);
        tf.dispose([mixed, alone]);
        [adapter, other].forEach(({ effective }) => disposeParameters(effective));
        return distance < 1e-5 ? yes() : no(`logits differ by ${distance}`);
      }),
  },
];

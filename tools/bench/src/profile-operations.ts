// Where the time of a training step goes on tfjs-node, call by call: `npm run bench -- --profile`.
import * as tf from '@tensorflow/tfjs';

/** What one native operation, or one kind of work beside them, took in a step. */
export interface OperationTime {
  readonly name: string;
  /** Calls a step. */
  readonly calls: number;
  readonly milliseconds: number;
  /** The least that its arithmetic and the memory that it reads would take on this machine; only for products with frozen weights. */
  readonly floor?: number;
}

/** The medians of several steps, the dearest operation first. */
export interface StepProfile {
  readonly milliseconds: number;
  readonly operations: readonly OperationTime[];
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
}

interface Shaped {
  readonly shape: readonly number[];
}
type Metadata = { readonly id: number; readonly shape: readonly number[] };
interface Binding {
  executeOp(name: string, attributes: unknown, inputs: readonly number[], outputs: number): Metadata[];
  createTensor(shape: readonly number[], ...rest: unknown[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): unknown;
}

interface NativeBackend {
  binding: Binding;
  executeMultipleOutputs: (name: string, attributes: unknown, inputs: readonly Shaped[], outputs: number) => Shaped[];
}

interface Total {
  calls: number;
  milliseconds: number;
  flops: number;
  bytes: number;
}

/** Watches every call into TensorFlow. Only the backend `tensorflow`, whose operations are done when the call returns, can be watched so. */
export class OperationWatch {
  private readonly steps: { readonly totals: Map<string, Total>; readonly milliseconds: number }[] = [];
  private restore = (): unknown => undefined;
  private totals = new Map<string, Total>();
  private readonly backend = tf.backend() as unknown as NativeBackend;
  private readonly binding = this.backend.binding;

  start(): void {
    const { binding, backend } = this;
    const watched: Binding = {
      executeOp: (name, ...rest) => this.timed(name, () => binding.executeOp(name, ...rest)),
      createTensor: (...call) => this.timed('(upload)', () => binding.createTensor(...call)),
      deleteTensor: (id) => this.timed('(free)', () => binding.deleteTensor(id)),
      tensorDataSync: (id) => this.timed('(download)', () => binding.tensorDataSync(id)),
    };
    // The functions of the library itself are read-only: they are hidden, not replaced.
    backend.binding = Object.create(binding, Object.getOwnPropertyDescriptors(watched)) as Binding;
    const execute = backend.executeMultipleOutputs;
    backend.executeMultipleOutputs = (name, attributes, inputs, outputs) => {
      const made = execute.call(backend, name, attributes, inputs, outputs);
      this.addWork(name, inputs, made[0]!.shape);
      return made;
    };
    this.restore = () => Object.assign(backend, { binding, executeMultipleOutputs: execute });
  }

  /** Ends a step that took so long. */
  endStep(milliseconds: number): void {
    this.steps.push({ totals: this.totals, milliseconds });
    this.totals = new Map();
  }

  stop(): void {
    this.restore();
  }

  /** The first step, in which things are made that are kept, is left out. */
  profile(gflops: number, gigabytesPerSecond: number): StepProfile {
    const steps = this.steps.slice(1);
    const names = new Set(steps.flatMap(({ totals }) => [...totals.keys()]));
    const operations = [...names].map((name): OperationTime => {
      const of = (pick: (total: Total) => number) =>
        median(steps.map(({ totals }) => (totals.has(name) ? pick(totals.get(name)!) : 0)));
      const floor = Math.max(of(({ flops }) => flops) / gflops, of(({ bytes }) => bytes) / gigabytesPerSecond) / 1e6;
      const ofName = { name, calls: of(({ calls }) => calls), milliseconds: of((total) => total.milliseconds) };
      return floor > 0 ? { ...ofName, floor } : ofName;
    });
    const inside = (step: (typeof steps)[number]) =>
      [...step.totals.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const outside = median(steps.map((step) => step.milliseconds - inside(step)));
    operations.push({ name: '(JavaScript)', calls: 0, milliseconds: outside });
    operations.sort((a, b) => b.milliseconds - a.milliseconds);
    return { milliseconds: median(steps.map((step) => step.milliseconds)), operations, gflops, gigabytesPerSecond };
  }

  private timed<Result>(name: string, call: () => Result): Result {
    const start = performance.now();
    const result = call();
    const total = this.totals.get(name) ?? { calls: 0, milliseconds: 0, flops: 0, bytes: 0 };
    total.milliseconds += performance.now() - start;
    total.calls++;
    this.totals.set(name, total);
    return result;
  }

  private addWork(name: string, inputs: readonly Shaped[], output: readonly number[]): void {
    const total = this.totals.get(name);
    const rows = size(output) / output.at(-1)!;
    for (const index of frozenMatrices[name] ?? []) {
      const matrix = size(inputs[index]!.shape);
      total!.flops += 2 * rows * matrix;
      total!.bytes += 4 * matrix;
    }
  }
}

/** Which inputs of an operation are frozen matrices that each row meets. */
const frozenMatrices: Readonly<Record<string, readonly number[]>> = {
  TfjsPeftAffine: [1],
  TfjsPeftFeedForward: [1, 3],
  TfjsPeftFeedForwardGradient: [2, 3],
};

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** The best of several, for what the machine can do: GFLOP/s of a large product, GB/s of reading 128 MB. */
export function measureMachine(): { gflops: number; gigabytesPerSecond: number } {
  const best = (run: () => tf.Tensor) => {
    let least = Infinity;
    for (let round = 0; round < 8; round++) {
      const start = performance.now();
      const result = run();
      least = Math.min(least, performance.now() - start);
      result.dispose();
    }
    return least;
  };
  const [rows, inputs, outputs] = [4096, 384, 1536];
  const [x, kernel, none] = [tf.ones([rows, inputs]), tf.ones([inputs, outputs]), tf.tensor1d([])];
  const large = tf.ones([32, 1 << 20]);
  const product = () =>
    tf.engine().runKernel('TfjsPeftAffine', { x, kernel, bias: none, packed: none }, { transposed: false });
  const gflops = (2 * rows * inputs * outputs) / best(() => (product() as tf.Tensor[])[0]!) / 1e6;
  const gigabytesPerSecond = (4 * large.size) / best(() => large.max()) / 1e6;
  tf.dispose([x, kernel, none, large]);
  return { gflops, gigabytesPerSecond };
}

/** The profile as a table of Markdown; operations below a hundredth of the step are one line. */
export function formatProfile(name: string, profile: StepProfile): string {
  const { milliseconds, operations, gflops, gigabytesPerSecond } = profile;
  const isSmall = (operation: OperationTime) => operation.milliseconds < milliseconds / 100;
  const small = operations.filter(isSmall);
  const sum = (pick: (operation: OperationTime) => number) => small.reduce((total, next) => total + pick(next), 0);
  const others: OperationTime = {
    name: `${small.length} others`,
    calls: sum(({ calls }) => calls),
    milliseconds: sum((operation) => operation.milliseconds),
  };
  const rows = [...operations.filter((operation) => !isSmall(operation)), others].map(
    ({ floor, calls, ...row }) =>
      `| ${row.name} | ${calls || ''} | ${row.milliseconds.toFixed(2)} | ${floor?.toFixed(2) ?? ''} |`,
  );
  const calls = operations.reduce((total, next) => total + (next.name.startsWith('(') ? 0 : next.calls), 0);
  return [
    `\n${name}: ${milliseconds.toFixed(1)} ms, ${calls} operations (floors at ${gflops.toFixed(0)} GFLOP/s, ${gigabytesPerSecond.toFixed(0)} GB/s)`,
    '',
    '| operation | calls | ms | floor, ms |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

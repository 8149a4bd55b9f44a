import * as tf from '@tensorflow/tfjs';
import type { Site, SiteKind } from './host-spec.js';
import type { ActivationFunction, ExampleGate, Intervention, InterventionKind } from './intervention.js';
import { sizeOf } from './plan.js';

/** Stands for a length that the host does not prescribe: a rank, a prefix's length. */
export const anyLength = -1;

/** One tensor of an intervention and the shape that it must have at a site. */
export interface TensorRule {
  readonly field: string;
  readonly tensor: tf.Tensor;
  readonly shape: readonly number[];
  /** `axis`: a leading batch axis is allowed; `batch`: it must be there; `broadcast`: broadcasts over `shape`. Exactly `shape` if absent. */
  readonly form?: 'axis' | 'batch' | 'broadcast';
}

/** What happens to a weight or a bias that an intervention is merged into; `frozen` is the host's own. */
/** `frozen` is the tensor as the host has it, `weight` the weight beside it. */
type MergeRule<Item> = (value: tf.Tensor, item: Item, frozen: tf.Tensor, weight: tf.Tensor) => tf.Tensor;

/** All that is to be known about a kind of intervention but how a host applies it. */
interface KindRules<Item, Kind extends SiteKind = SiteKind> {
  /** Where it may act. */
  readonly sites: readonly Kind[];
  /** Its path may end in this, the name of the tensor that it changes. */
  readonly suffix?: '.weight' | '.bias';
  /** Its tensors with their shapes at a site. */
  readonly tensors: (item: Item, site: Extract<Site, { kind: Kind }>) => readonly TensorRule[];
  /**
   * How it merges: kinds of an earlier stage come first, `add` before `magnitude` before `scale` before `gate`. Absent where no weight can
   * hold it.
   */
  readonly merge?: {
    readonly stage: MergeStage;
    readonly weight?: MergeRule<Item>;
    readonly bias?: MergeRule<Item>;
    /** Whether this very item merges, where not all of the kind do. */
    readonly when?: (item: Item) => boolean;
  };
  /** True if its effect is a function of the host's own weight: it cannot stay where something goes into that weight. */
  readonly readsWeight?: true;
  /**
   * Whether it reads more of a text than the token that it changes, so that all tokens must be computed where it acts: inside an attention
   * they always are.
   */
  readonly readsOtherTokens: (item: Item) => boolean;
  /** The item with its effect multiplied by a gate that its input sets; absent where that has no meaning. */
  readonly gate?: (item: Item, gate: ExampleGate) => Item;
}

/** In the order in which a pass does them: what is added to states is not scaled with the weight. */
export const mergeStages = ['add', 'magnitude', 'scale', 'addToStates', 'gate'] as const;
type MergeStage = (typeof mergeStages)[number];

type OfKind<K extends InterventionKind> = Extract<Intervention, { kind: K }>;
type Rules = { readonly [K in InterventionKind]: KindRules<OfKind<K>> };

/** Lets the compiler check a row against the kinds of sites that it names. */
const rules = <K extends InterventionKind, S extends SiteKind>(row: KindRules<OfKind<K>, S>): KindRules<OfKind<K>> =>
  row as unknown as KindRules<OfKind<K>>;

const weightShape = (site: Extract<Site, { kind: 'linear' | 'table' | 'norm' }>): readonly number[] => {
  switch (site.kind) {
    case 'linear':
      return [site.inputSize, site.outputSize];
    case 'table':
      return [site.rows, site.size];
    case 'norm':
      return [site.size];
  }
};
const outputSize = (site: Extract<Site, { kind: 'linear' | 'norm' }>): number =>
  site.kind === 'linear' ? site.outputSize : site.size;

const never = (): boolean => false;
/** A function of activations, unless it says that it treats each token for itself. */
const together = ({ perToken, draws }: { readonly perToken?: boolean; readonly draws?: boolean }): boolean =>
  perToken !== true || draws === true;

/** The table of all kinds: exhaustive, so that a new kind that lacks a row does not compile. */
export const interventionRules: Rules = {
  lowRankDelta: rules<'lowRankDelta', 'linear' | 'table'>({
    sites: ['linear', 'table'],
    readsOtherTokens: ({ gate }) => gate !== undefined,
    tensors: ({ down, middle, up }, site) => [
      { field: 'down', tensor: down, shape: [weightShape(site)[0]!, anyLength], ...(site.kind === 'linear' && axis) },
      ...(middle ? [{ field: 'middle', tensor: middle, shape: [down.shape.at(-1)!], ...axis }] : []),
      { field: 'up', tensor: up, shape: [down.shape.at(-1)!, weightShape(site)[1]!], ...axis },
    ],
    merge: {
      stage: 'add',
      when: ({ gate }) => gate === undefined,
      weight: (weight, { down, middle, up, scale }) =>
        weight.add(tf.matMul(middle ? down.mul(middle) : down, up).mul(scale)),
    },
    gate: (item, gate) => ({ ...item, scale: 1, gate }),
  }),
  dynamicLowRankDelta: rules<'dynamicLowRankDelta', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: ({ gate }) => gate !== undefined,
    tensors: ({ down, core, up }, { inputSize, outputSize }) => {
      const rank = down.shape.at(-1)!;
      return [
        { field: 'down', tensor: down, shape: [inputSize, anyLength], ...axis },
        { field: 'core', tensor: core, shape: [inputSize, rank * rank], ...axis },
        { field: 'up', tensor: up, shape: [rank, outputSize], ...axis },
      ];
    },
    gate: (item, gate) => ({ ...item, gate }),
  }),
  weightDelta: rules<'weightDelta', 'linear' | 'table' | 'norm'>({
    sites: ['linear', 'table', 'norm'],
    readsOtherTokens: never,
    suffix: '.weight',
    tensors: ({ delta, shares }, site) => [
      { field: 'delta', tensor: delta, shape: weightShape(site), ...(site.kind === 'norm' && axis) },
      ...(shares ? [sharesRule(shares)] : []),
    ],
    merge: { stage: 'add', weight: (weight, { delta }) => weight.add(delta) },
  }),
  sparseWeightDelta: rules<'sparseWeightDelta', 'linear' | 'table' | 'norm'>({
    sites: ['linear', 'table', 'norm'],
    readsOtherTokens: never,
    suffix: '.weight',
    tensors: ({ indices, values, shares }) => [
      { field: 'indices', tensor: indices, shape: [anyLength] },
      { field: 'values', tensor: values, shape: [indices.size] },
      ...(shares ? [sharesRule(shares)] : []),
    ],
    merge: {
      stage: 'add',
      weight: (weight, { indices, values }) => addAtPlaces(weight, indices, values),
    },
  }),
  weightFunction: rules<'weightFunction', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: never,
    tensors: () => [],
    readsWeight: true,
    merge: {
      stage: 'add',
      weight: (weight, item, frozen) => weight.add(item.weight(frozen)),
      bias: (bias, item, frozen, weight) => (item.bias ? bias.add(item.bias(frozen, weight)) : bias),
    },
  }),
  weightMagnitude: rules<'weightMagnitude', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: never,
    tensors: ({ delta }, site) => [{ field: 'delta', tensor: delta, shape: [site.outputSize], ...axis }],
    merge: {
      stage: 'magnitude',
      weight: (weight, { delta }, frozen) => weight.mul(columnNorms(frozen).add(delta).div(columnNorms(weight))),
    },
  }),
  weightScale: rules<'weightScale', 'linear' | 'table' | 'norm'>({
    sites: ['linear', 'table', 'norm'],
    readsOtherTokens: never,
    suffix: '.weight',
    tensors: ({ scale }, site) => [{ field: 'scale', tensor: scale, shape: weightShape(site), form: 'broadcast' }],
    merge: { stage: 'scale', weight: (weight, { scale }) => weight.mul(scale) },
  }),
  biasDelta: rules<'biasDelta', 'linear' | 'norm'>({
    sites: ['linear', 'norm'],
    readsOtherTokens: never,
    suffix: '.bias',
    tensors: ({ delta }, site) => [{ field: 'delta', tensor: delta, shape: [outputSize(site)], ...axis }],
    merge: { stage: 'add', bias: (bias, { delta }) => bias.add(delta) },
  }),
  inputGate: rules<'inputGate', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: never,
    tensors: ({ gate }, site) => [{ field: 'gate', tensor: gate, shape: [site.inputSize], ...axis }],
    merge: { stage: 'gate', weight: (weight, { gate }) => weight.mul(gate.expandDims(-1)) },
  }),
  outputGate: rules<'outputGate', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: never,
    tensors: ({ gate }, site) => [{ field: 'gate', tensor: gate, shape: [site.outputSize], ...axis }],
    merge: {
      stage: 'gate',
      weight: (weight, { gate }) => weight.mul(gate),
      bias: (bias, { gate }) => bias.mul(gate),
    },
  }),
  activationDelta: rules<'activationDelta', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: together,
    tensors: () => [],
    merge: {
      stage: 'addToStates',
      when: ({ matrix }) => matrix !== undefined,
      weight: (weight, { matrix }) => weight.add(matrix!()),
    },
    gate: (item, gate) => ({
      ...item,
      matrix: undefined,
      form: undefined,
      perToken: false,
      apply: (x, mask) => item.apply(x, mask).mul(ofTokens(gate(x, mask))),
    }),
  }),
  dynamicWeightDelta: rules<'dynamicWeightDelta', 'linear'>({
    sites: ['linear'],
    readsOtherTokens: together,
    tensors: () => [],
    readsWeight: true,
    gate: (item, gate) => ({
      ...item,
      perToken: false,
      apply: (x, frozen, mask) => item.apply(x, frozen, mask).mul(ofTokens(gate(x, mask))),
    }),
  }),
  sublayerAdapter: rules<'sublayerAdapter', 'sublayer'>({
    sites: ['sublayer'],
    readsOtherTokens: together,
    tensors: () => [],
    gate: (item, gate) => ({ ...item, form: undefined, perToken: false, apply: gatedAdapter(item, gate) }),
  }),
  hiddenDelta: rules<'hiddenDelta', 'hidden'>({
    sites: ['hidden'],
    readsOtherTokens: together,
    tensors: () => [],
    gate: (item, gate) => ({
      ...item,
      form: undefined,
      perToken: false,
      apply: (x, mask) => item.apply(x, mask).mul(ofTokens(gate(x, mask))),
    }),
  }),
  keyValuePrefix: rules<'keyValuePrefix', 'attention'>({
    sites: ['attention'],
    readsOtherTokens: never,
    tensors: ({ keys, values }, { heads, headSize }) => [
      { field: 'keys', tensor: keys, shape: [heads, anyLength, headSize], ...axis },
      { field: 'values', tensor: values, shape: [heads, keys.shape.at(-2)!, headSize], ...axis },
    ],
    gate: (item, gate) => ({ ...item, gate }),
  }),
  tokenPrefix: rules<'tokenPrefix', 'embeddings'>({
    sites: ['embeddings'],
    readsOtherTokens: never,
    tensors: ({ embeddings }, { size }) => [
      { field: 'embeddings', tensor: embeddings, shape: [anyLength, size], ...axis },
    ],
  }),
  tap: rules<'tap', 'linear' | 'hidden'>({
    sites: ['linear', 'hidden'],
    tensors: () => [],
    readsOtherTokens: () => true,
  }),
  slopeTap: rules<'slopeTap', 'linear' | 'norm'>({
    sites: ['linear', 'norm'],
    readsOtherTokens: never,
    tensors: ({ through }) => [{ field: 'through', tensor: through, shape: [] }],
  }),
  readout: rules<'readout', 'readout'>({
    sites: ['readout'],
    readsOtherTokens: never,
    tensors: ({ weight, bias, hidden }, { size }) => {
      const inputs = hidden ? hidden.weight.shape.at(-2)! : size;
      return [
        { field: 'weight', tensor: weight, shape: [anyLength, inputs], ...axis },
        { field: 'bias', tensor: bias, shape: [weight.shape.at(-2)!], ...axis },
        ...(hidden
          ? [
              { field: 'hidden.weight', tensor: hidden.weight, shape: [anyLength, size], ...axis },
              ...(hidden.bias ? [{ field: 'hidden.bias', tensor: hidden.bias, shape: [inputs], ...axis }] : []),
              ...(hidden.norm ? [{ field: 'hidden.norm', tensor: hidden.norm, shape: [inputs], ...axis }] : []),
            ]
          : []),
      ];
    },
  }),
};

/** Names of all kinds. */
export const interventionKinds = Object.keys(interventionRules) as readonly InterventionKind[];

/** The kinds that may act at a kind of site. */
export const kindsAt = (site: SiteKind): readonly InterventionKind[] =>
  interventionKinds.filter((kind) => interventionRules[kind].sites.includes(site));

/** The rules of an item's kind, as they apply to any item of that kind. */
export const rulesOf = (item: Intervention): KindRules<Intervention> =>
  interventionRules[item.kind] as unknown as KindRules<Intervention>;

/** True if a weight or a bias can hold the effect. */
export function isMergeable(item: Intervention): boolean {
  const { merge } = rulesOf(item);
  return merge !== undefined && (merge.when?.(item) ?? true);
}

/** Whether an effect of the kind can be multiplied by a gate. */
export const isGateable = (kind: InterventionKind): boolean => interventionRules[kind].gate !== undefined;

/** The path of the module that an intervention acts at: without the name of a tensor of it. */
export function modulePathOf(item: Extract<Intervention, { path: string }>): string {
  const { suffix } = rulesOf(item);
  return suffix && item.path.endsWith(suffix) ? item.path.slice(0, -suffix.length) : item.path;
}

/** Values `[k]` at flat indices `[k]` of zeros of a shape; values at one index are added up. */
export const scatterFlat = (indices: tf.Tensor, values: tf.Tensor, shape: readonly number[]): tf.Tensor =>
  tf.scatterND(indices.expandDims(1) as tf.Tensor2D, values, [sizeOf(shape)]).reshape([...shape]);

/** A weight with values added at flat indices. All other entries keep their bits: adding 0 would turn -0 into 0. */
function addAtPlaces(weight: tf.Tensor, indices: tf.Tensor, values: tf.Tensor): tf.Tensor {
  const touched = scatterFlat(indices, tf.onesLike(values), weight.shape).greater(0);
  return tf.where(touched, weight.add(scatterFlat(indices, values, weight.shape)), weight);
}

const axis = { form: 'axis' } as const;
const sharesRule = (shares: tf.Tensor1D): TensorRule => ({ field: 'shares', tensor: shares, shape: [], form: 'batch' });

/** A number an example, so that it broadcasts over `[batch, tokens, size]`. */
const ofTokens = (factor: tf.Tensor1D): tf.Tensor => factor.reshape([-1, 1, 1]);

/** Gates what an adapter adds: a sequential one replaces its input. */
function gatedAdapter({ apply, placement }: OfKind<'sublayerAdapter'>, gate: ExampleGate): ActivationFunction {
  if (placement !== 'sequential') return (x, mask) => apply(x, mask).mul(ofTokens(gate(x, mask)));
  return (x, mask) =>
    x.add(
      apply(x, mask)
        .sub(x)
        .mul(ofTokens(gate(x, mask))),
    );
}

/** Euclidean norms of the columns of `[input, output]`: `[output]`. */
const columnNorms = (weight: tf.Tensor): tf.Tensor => weight.square().sum(0).sqrt();

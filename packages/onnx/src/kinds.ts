import { type Intervention, type InterventionKind, isMergeable } from '@tfjs-peft/peft-core/interventions';

type OfKind<K extends InterventionKind> = Extract<Intervention, { kind: K }>;

/** How a kind of intervention gets into a graph. */
interface KindRow<Item> {
  /** `weight`: merged before the graph is written; `nodes`: as nodes of its own; `nothing`: it changes no output. */
  readonly becomes: 'weight' | 'nodes' | 'nothing';
  /** Why this very item cannot be written. */
  readonly refuse?: (item: Item) => string | undefined;
}

type Rows = { readonly [K in InterventionKind]: KindRow<OfKind<K>> };

const unlessMerged = (why: string) => (item: Intervention) => (isMergeable(item) ? undefined : why);
const gate = 'has a gate, a function of the text that is not declared as data';
const form = 'is a function of activations that does not declare its form';

/** The table of all kinds: exhaustive, so that a new kind that lacks a row does not compile. */
const rows: Rows = {
  lowRankDelta: { becomes: 'weight', refuse: unlessMerged(gate) },
  dynamicLowRankDelta: { becomes: 'weight', refuse: () => 'has in its middle a matrix that each token has its own of' },
  weightDelta: { becomes: 'weight' },
  weightFunction: { becomes: 'weight' },
  sparseWeightDelta: { becomes: 'weight' },
  weightMagnitude: { becomes: 'weight' },
  weightScale: { becomes: 'weight' },
  biasDelta: { becomes: 'weight' },
  inputGate: { becomes: 'weight' },
  outputGate: { becomes: 'weight' },
  activationDelta: {
    becomes: 'weight',
    refuse: unlessMerged('is a function of activations and no product with a matrix'),
  },
  dynamicWeightDelta: { becomes: 'weight', refuse: () => 'is a change of the weight that each token has its own of' },
  sublayerAdapter: { becomes: 'nodes', refuse: (item) => (item.form ? undefined : form) },
  hiddenDelta: { becomes: 'nodes', refuse: (item) => (item.form ? undefined : form) },
  keyValuePrefix: { becomes: 'nodes', refuse: (item) => (item.gate ? gate : undefined) },
  tokenPrefix: { becomes: 'nodes' },
  tap: { becomes: 'nothing' },
  slopeTap: { becomes: 'nothing' },
  readout: { becomes: 'nodes' },
};

const rowOf = (item: Intervention): KindRow<Intervention> => rows[item.kind] as unknown as KindRow<Intervention>;

/** Why an intervention cannot be written as ONNX; undefined if it can. */
export const whyNotWritten = (item: Intervention): string | undefined => rowOf(item).refuse?.(item);

/** Whether a graph has nodes of its own for an intervention that no weight took. */
export const becomesNodes = (item: Intervention): boolean => rowOf(item).becomes === 'nodes';

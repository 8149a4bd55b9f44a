import * as z from 'zod';

/** Tensors by the role of their module: affine maps of every layer, LayerNorms, tables, the pooler. */
export const targetGroups = [
  'query',
  'key',
  'value',
  'attentionOutput',
  'feedForwardIn',
  'feedForwardOut',
  'norms',
  'embeddingNorm',
  'distanceNorm',
  'finalNorm',
  'embeddings',
  'pooler',
] as const;
/** A group of modules, by what they are for. */
export type TargetGroup = (typeof targetGroups)[number];

/** How the entries are chosen. */
export const selections = ['gradient', 'random', 'magnitude', 'movement', 'fisher'] as const;
/** How the entries are chosen. */
export type Selection = (typeof selections)[number];

const patterns = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** The entries that `prepare` chose, by tensor: their number, and the shape of the tensor that they are places in. */
const chosenEntries = z.record(
  z.string(),
  z.strictObject({ count: z.int().min(1), shape: z.array(z.int().min(1)).min(1) }),
);
/** Which entries of which tensors were chosen. */
export type ChosenEntries = z.output<typeof chosenEntries>;

/** What every method of sparse increments has. */
const incrementConfig = z.strictObject({
  /**
   * Each step takes this share of the difference away, whatever the rate of learning: `base` pulls the entries to their pretrained values, `zero`
   * to 0. Off if null, as it was in effect in the authors' code.
   */
  decay: z
    .strictObject({ toward: z.enum(['base', 'zero']), rate: z.number().gt(0).lt(1) })
    .nullable()
    .default(null),
  /** Increments start as N(0, this); 0 starts from the host itself. The vertices of a simplex start apart only with another value. */
  initialStandardDeviation: z.number().nonnegative().default(0),
  /** What `prepare` chose; nobody writes it by hand. */
  chosen: chosenEntries.optional(),
  /** Tensors that `prepare` left out, since the loss does not depend on them. */
  skipped: z.array(z.string()).optional(),
});
export type IncrementConfig = z.output<typeof incrementConfig>;

const name = z.string().regex(/^[a-z][a-z0-9_-]*$/);

export const siftConfig = z
  .strictObject({
    /** Share ρ of the entries of each tensor: ⌊ρ·n⌋ + 1 of n, at most n. */
    rate: z.number().gt(0).max(1).default(0.008),
    /**
     * Tensors to choose from. A list of groups (`query`, `key`, `value`, `attentionOutput`, `feedForwardIn`, `feedForwardOut`: affine maps of every
     * layer; `norms`: LayerNorms of the layers; `embeddingNorm`, `distanceNorm`, `finalNorm`; `embeddings`: tables; `pooler`) and of paths of modules or tensors or dotted ends of
     * them; or one regular expression for whole paths. A group or a module stands for weights and biases, `query.weight` for weights alone.
     */
    targets: patterns.default(['query', 'key', 'value', 'attentionOutput']),
    /**
     * The entries with the largest |mean gradient| (`gradient`), |weight| (`magnitude`), -weight · gradient (`movement`), mean squared gradient of a
     * batch (`fisher`), or any (`random`).
     */
    selection: z.enum(selections).default('gradient'),
    /** Batches of the training texts whose gradients are averaged. */
    batches: z.int().min(1).default(1),
    /** Whether each tensor gets its share, or the largest of all tensors together are taken. */
    scope: z.enum(['tensor', 'all']).default('tensor'),
    /** Of tables, whole rows are chosen: those with the longest gradient. */
    rows: z.boolean().default(false),
    ...incrementConfig.shape,
    /** Namespace of the parameters; another one for a second SIFT in a composition. */
    name: name.default('sift'),
  })
  .refine(({ rows, scope }) => !(rows && scope === 'all'), {
    message: 'not together with scope "all": rows and entries have no common measure',
    path: ['rows'],
  });
/** A validated configuration of `sift`, defaults written out. */
export type SiftConfig = z.output<typeof siftConfig>;

export const shiraConfig = z.strictObject({
  /** Each map of `inputs` and `outputs` gets rank · (inputs + outputs) entries: as many numbers as LoRA of that rank. */
  rank: z.int().min(1).max(16384).default(8),
  /** Affine maps by path or dotted end, or one regular expression for whole paths; query and value maps if null. */
  targets: patterns.nullable().default(null),
  /** How `prepare` chooses; HF peft's own mask is `random`. */
  selection: z.enum(selections).default('random'),
  /** As HF peft names it in files: the places themselves are stored, whatever chose them. */
  maskType: z.string().default('random'),
  ...incrementConfig.shape,
  name: name.default('shira'),
});
/** A validated configuration of `shira`, defaults written out. */
export type ShiraConfig = z.output<typeof shiraConfig>;

import * as z from 'zod';

const length = z.int().min(1).max(4096).default(20);
const namespace = (name: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default(name);

export const promptConfig = z.strictObject({
  /** Virtual tokens put before the text. */
  length,
  /**
   * First values of the rows. `normal`: N(0, `initialStandardDeviation`). `random`: N(0, 1), RANDOM of HF peft. `vocabulary`: rows of the host's
   * word embeddings (Lester et al. 2021, section 3.2), those of `tokenIds` or drawn ones; known after `prepare`.
   */
  initialisation: z.enum(['normal', 'random', 'vocabulary']).default('normal'),
  /** The deviation of `normal`; word embeddings of BERT have about 0.04. */
  initialStandardDeviation: z.number().positive().default(0.02),
  /**
   * Tokens whose word embeddings the rows start from (`vocabulary` only): a text, encoded without special tokens. A shorter list is repeated,
   * a longer one cut, as for TEXT in HF peft. Null: distinct tokens drawn from the whole vocabulary.
   */
  tokenIds: z.array(z.int().min(0)).min(1).max(65_536).nullable().default(null),
  /** Namespace of the parameters; another one for a second prompt in a composition. */
  name: namespace('prompt'),
});

/** A validated configuration of `prompt`, defaults written out. */
export type PromptConfig = z.output<typeof promptConfig>;

export const pTuningConfig = z.strictObject({
  /** Virtual tokens put before the text. */
  length,
  /**
   * What makes the rows while training, thrown away afterwards. `mlp`: embedding, then three affine maps with ReLU between. `lstm`: embedding,
   * bidirectional LSTM, two affine maps with ReLU between (Liu et al. 2021, equation 4).
   */
  encoder: z.enum(['mlp', 'lstm']).default('mlp'),
  /** Width of the hidden layers, of each direction for `lstm`; the host's hidden size if null. */
  encoderHiddenSize: z.int().min(1).max(65_536).nullable().default(null),
  /** Layers of the LSTM; `mlp` has its three maps whatever this says, as in HF peft. */
  encoderLayers: z.int().min(1).max(16).default(2),
  /** Namespace of the parameters. */
  name: namespace('ptuning'),
});

/** A validated configuration of `pTuning`, defaults written out. */
export type PTuningConfig = z.output<typeof pTuningConfig>;

/** What a loader cannot read from the files of the embedded host. */
export interface MinilmModel {
  /** The Hub name: the files themselves only name the model it was trained from. */
  readonly name: 'sentence-transformers/all-MiniLM-L6-v2';
  /** The pooling it was trained with: the mean over tokens that are not padding. */
  readonly readout: 'mean';
}

export const minilmModel: MinilmModel = { name: 'sentence-transformers/all-MiniLM-L6-v2', readout: 'mean' };

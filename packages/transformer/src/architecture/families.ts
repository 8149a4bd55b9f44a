import { albert } from './albert.js';
import { bert } from './bert.js';
import { debertaV2 } from './deberta.js';
import { distilbert } from './distilbert.js';
import { electra } from './electra.js';
import type { Family, ModelType } from './family.js';
import { modernbert } from './modernbert.js';
import { mpnet } from './mpnet.js';
import { camembert, roberta, xlmRoberta } from './roberta.js';

const families: Readonly<Record<ModelType, Family>> = {
  bert,
  roberta,
  'xlm-roberta': xlmRoberta,
  camembert,
  distilbert,
  electra,
  mpnet,
  albert,
  'deberta-v2': debertaV2,
  modernbert,
};

/** The known values of `model_type`. */
export const modelTypes = Object.keys(families) as readonly ModelType[];
export const isModelType = (name: unknown): name is ModelType =>
  typeof name === 'string' && Object.hasOwn(families, name);
export const familyOf = (modelType: ModelType): Family => families[modelType];

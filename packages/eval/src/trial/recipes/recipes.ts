import type { RecipeName } from '../../methods/presets.js';
import { contrastive } from './contrastive.js';
import type { Recipe } from './recipe.js';
import { jointContrastive, supervised } from './supervised.js';

export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  supervised,
  contrastive,
  'joint-contrastive': jointContrastive,
};

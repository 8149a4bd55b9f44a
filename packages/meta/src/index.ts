export { type Episode, type Episodes, keyOfText } from './episode.js';
export { type DomainTexts, fixedLanguageEpisodes, languageEpisodes, type TextDraw } from './language-episodes.js';
export type { FixedDraw } from './source-of-episodes.js';
export { type EpisodeDraw, episodeSource, fixedEpisodes, type LabelledTexts } from './episode-source.js';
export {
  adapt,
  adaptInSteps,
  type Adaptation,
  adaptOnce,
  type AdaptRequest,
  type InnerLoop,
  startAdaptation,
} from './adapt.js';
export { fomaml, type MetaLearning, multitask, reptile } from './meta-rules.js';
export type { OwnPart, TaskBuffers, TaskParts } from './own-part.js';
export { rowsOfList, type TargetRows } from './target-rows.js';
export {
  adaptationCurve,
  type AdaptedStart,
  type CurvePoint,
  type CurveRequest,
  scoreOfLogits,
} from './adaptation-curve.js';
export { adaptationEvaluator } from './adaptation-evaluator.js';
export { objectiveOfEpisodes } from './objective-of-episodes.js';

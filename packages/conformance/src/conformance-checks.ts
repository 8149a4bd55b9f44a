import { batchAxis } from './checks/batch-axis.js';
import { combine } from './checks/combine.js';
import { composition } from './checks/composition.js';
import { configIsData } from './checks/config-is-data.js';
import { declaredKinds } from './checks/declared-kinds.js';
import { disablePartsCheck } from './checks/disable-parts.js';
import { evaluationRepeats } from './checks/evaluation-repeats.js';
import { gradients } from './checks/gradients.js';
import { hfFiles } from './checks/hf-files.js';
import { identityAtStart } from './checks/identity-at-start.js';
import { initialValuesByName } from './checks/initial-values-by-name.js';
import { loadingIsStrict } from './checks/loading-is-strict.js';
import { logitsAlone } from './checks/logits-alone.js';
import { merge } from './checks/merge.js';
import { methodActs } from './checks/method-acts.js';
import { namesAndSites } from './checks/names-and-sites.js';
import { noLeaks } from './checks/no-leaks.js';
import { noiseSparesFrozen } from './checks/noise-spares-frozen.js';
import { outputShares } from './checks/output-shares.js';
import { padding } from './checks/padding.js';
import { planIsPure } from './checks/plan-is-pure.js';
import { prepareCheck } from './checks/prepare.js';
import { randomnessFromStreams } from './checks/randomness-from-streams.js';
import { rowAdapters } from './checks/row-adapters.js';
import { saveAndLoad } from './checks/save-and-load.js';
import { simplexDraws } from './checks/simplex-draws.js';
import { simplexOfOne } from './checks/simplex-of-one.js';
import { simplexPoints } from './checks/simplex-points.js';
import { simplexRows } from './checks/simplex-rows.js';
import { simplexStep } from './checks/simplex-step.js';
import { trainingStepCheck } from './checks/training-step.js';
import type { ConformanceCheck } from './kit/check.js';

/** All checks with their negative controls, in the order in which they run: plan first, wrappers last. */
export const conformanceChecks: readonly ConformanceCheck[] = [
  configIsData,
  planIsPure,
  namesAndSites,
  prepareCheck,
  initialValuesByName,
  identityAtStart,
  methodActs,
  declaredKinds,
  evaluationRepeats,
  randomnessFromStreams,
  padding,
  logitsAlone,
  batchAxis,
  outputShares,
  trainingStepCheck,
  gradients,
  noLeaks,
  saveAndLoad,
  hfFiles,
  loadingIsStrict,
  merge,
  combine,
  disablePartsCheck,
  composition,
  rowAdapters,
  simplexOfOne,
  simplexPoints,
  simplexRows,
  simplexDraws,
  simplexStep,
  noiseSparesFrozen,
];

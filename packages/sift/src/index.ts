export {
  type ChosenEntries,
  type Selection,
  selections,
  type ShiraConfig,
  type SiftConfig,
  type TargetGroup,
  targetGroups,
} from './config.js';
export { chooseTensors, type HostTensor } from './choose-tensors.js';
export { type GradientObserver, type GradientQuestion, observeGradients } from './observe-gradients.js';
export { selectLargest } from './select-largest.js';
export { shira, shiraDefinition } from './shira.js';
export { sift, siftDefinition } from './sift.js';

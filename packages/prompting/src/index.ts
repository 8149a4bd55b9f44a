export { parseTemplate, type Template, type TemplatePiece } from './template.js';
export {
  type Demonstration,
  type PromptTokenizer,
  type RenderedPrompt,
  type RenderOptions,
  renderPrompt,
  specialIds,
} from './render-prompt.js';
export {
  createDemonstrator,
  type DemonstrationExample,
  type Demonstrations,
  demonstrationsSchema,
  type Demonstrator,
} from './demonstrations.js';
export { labelWordIds } from './label-words.js';
export { type TaskPrompt, taskPrompts } from './task-prompts.js';
export { labelWordHead, type LabelWordHeadConfig, labelWordHeadDefinition } from './label-word-head.js';

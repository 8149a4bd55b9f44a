export { projectOption, setupDescription, type SetupFlag, setupFlags, setupNotes } from './command-options.js';
export type { PlanOptions } from './plan-setup.js';
export { type Say, sayOnStandardError, SetupError } from './say.js';
export { abandonSetup, type SetupOptions, type SetupResult, setUpNative } from './setup-native.js';

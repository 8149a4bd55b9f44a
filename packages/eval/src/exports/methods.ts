/**
 * Methods and presets by name, and plugins that add to them.
 * @module
 */
export { completeMethod, expandMethod } from '../methods/complete-method.js';
export {
  type GivenPlugins,
  loadGivenPlugins,
  loadPlugins,
  type PluginModule,
  resolvePlugins,
} from '../methods/load-plugins.js';
export { type Catalogue, createCatalogue, type EvalPlugin, findPreset } from '../methods/plugins.js';
export { builtInPresets, type FloorName, type MethodPreset, usualFloors } from '../methods/presets.js';

export { edgesOf, type Edge, type OperationName, operationNames, type TamsConfig } from './config.js';
export {
  type Architectures,
  chosenArchitectures,
  controllerNames,
  describeArchitecture,
  taskBuffers,
  withArchitectures,
} from './architecture.js';
export { applyCell, type CellInputs } from './cell.js';
export { type Find, softChoice, straightThrough } from './controller.js';
export { drawArchitecture } from './draw-architecture.js';
export { isTams, tams, tamsDefinition } from './tams.js';
export { taskEmbedding } from './task-embedding.js';

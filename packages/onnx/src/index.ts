export { exportOnnx, type OnnxModel, type OnnxOptions } from './export-onnx.js';

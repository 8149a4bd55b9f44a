export { checkPeftMethod } from './check-peft-method.js';
export { conformanceChecks } from './conformance-checks.js';
export { describePeftMethod, type TestFramework } from './describe-peft-method.js';
export type { CheckOutcome, ConformanceCheck, NegativeControl } from './kit/check.js';
export { ConformanceFailure } from './kit/failure.js';
export { createSubject, type Subject } from './kit/subject.js';
export { tinyDecoder, tinyHost } from './kit/tiny-host.js';
export {
  type CheckResult,
  type ConformanceHost,
  type ConformanceOptions,
  defaultTolerances,
  type HostVariation,
  type MethodFactory,
  type NamedException,
  type OtherMethod,
  type Tolerances,
} from './options.js';

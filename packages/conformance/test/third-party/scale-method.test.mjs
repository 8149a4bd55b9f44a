// Run by node:test, see node-test.spec.ts.
import { describe, it } from 'node:test';
import '@tensorflow/tfjs';
import { describePeftMethod } from '@tfjs-peft/conformance';
import { scale, scaleDefinition } from './scale-method.mjs';

const options = { definitions: [scaleDefinition], identityAtStart: true, mergeable: true };

describePeftMethod('a method of somebody else', () => scale(), options, { describe, it });

import * as tf from '@tensorflow/tfjs';
import * as core from '@tfjs-peft/peft-core';
import * as authoring from '@tfjs-peft/peft-core/authoring';
import * as prefix from '@tfjs-peft/prefix';
import * as subspace from '@tfjs-peft/subspace';
import * as transformer from '@tfjs-peft/transformer';
import { fiveSteps } from './five-steps.cjs';

console.log(await fiveSteps(tf, core, authoring, prefix, subspace, transformer));

import { head, type PeftMethod } from '@tfjs-peft/peft-core';

/** Names of the labels of the kit's head. */
export const labels = ['a', 'b', 'c'];

export const kitHead = (): PeftMethod => head({ labels, initialStandardDeviation: 0.5, name: 'kit-head' });

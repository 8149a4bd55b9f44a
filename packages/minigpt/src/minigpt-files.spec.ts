import { describe } from '@jest/globals';
import { itHoldsRecordedFiles } from '../../../tools/jest/recorded-files.js';
import { minigptFiles } from './index.js';

describe('minigptFiles', () => {
  itHoldsRecordedFiles(minigptFiles());
});

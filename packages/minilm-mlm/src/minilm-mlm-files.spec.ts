import { describe } from '@jest/globals';
import { itHoldsRecordedFiles } from '../../../tools/jest/recorded-files.js';
import { minilmMlmFiles } from './index.js';

describe('minilmMlmFiles', () => {
  itHoldsRecordedFiles(minilmMlmFiles());
});

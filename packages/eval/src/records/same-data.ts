import { requireSameConfiguration } from './trial-folder.js';
import type { TrialSummary } from './trial-summary.js';

/** What a finished trial says of the rows and the host that it saw. */
export type SeenData = Pick<TrialSummary, 'dataSeed' | 'splitHash' | 'dataHash' | 'hostFingerprint'>;

/**
 * Trials of one experiment are compared with each other: they must have seen the same rows and the same host. What a summary of an older version does not have
 * says nothing. Errors: `RUN_FOLDER_OF_ANOTHER_CONFIGURATION`.
 */
export function requireSameData(folder: string, found: SeenData, expected: SeenData): void {
  const told = ({ hostFingerprint, splitHash, dataHash }: SeenData) => ({
    hostFingerprint,
    ...(found.dataSeed === expected.dataSeed && { splitHash }),
    ...(found.dataHash !== undefined && expected.dataHash !== undefined && { dataHash }),
  });
  requireSameConfiguration(folder, told(found), told(expected));
}

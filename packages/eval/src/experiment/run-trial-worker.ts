import { beginWorker } from '../processes/begin-worker.js';

/** Entry of a child process. All that is heavy is loaded once this is in place. */
beginWorker();
// Requests that come before somebody listens wait.
void import('./answer-requests.js');

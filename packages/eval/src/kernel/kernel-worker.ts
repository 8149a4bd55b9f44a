import { beginWorker } from '../processes/begin-worker.js';

/** Entry of a child process that computes its share of the blocks of kernels. */
beginWorker();
void import('./answer-kernel-job.js');

#pragma once

#include <cstddef>

/** Threads that share the work: TF_NUM_INTRAOP_THREADS if it is set, else the cores this process may use; at most 1024. */
int thread_count();

/** Calls `task(context, index)` for each index below `tasks`, on all threads, in no order; returns when all are done. */
void run_tasks(int tasks, void (*task)(const void *context, int index), const void *context);

enum Scratch { PACKED_FIRST, PACKED_SECOND, SUMS_FIRST, SUMS_SECOND, OWN, SCRATCHES };

/** Memory of the calling thread for `floats` numbers, kept for the next call, 64 bytes aligned; null if there is none. */
float *scratch(Scratch which, size_t floats);

#pragma once

#include "parallel.h"

namespace {

template <typename Body> void call_body(const void *body, int index) { (*static_cast<const Body *>(body))(index); }

/** Calls `body(index)` for each index below `tasks`, on all threads. */
template <typename Body> inline void in_parallel(int tasks, const Body &body) { run_tasks(tasks, call_body<Body>, &body); }

/** Calls `body(first, end)` for parts of `size` indices of a range. */
template <typename Body> inline void in_parts(int count, int size, const Body &body) {
  in_parallel((count + size - 1) / size, [&](int part) {
    const int end = (part + 1) * size;
    body(part * size, end < count ? end : count);
  });
}

} // namespace

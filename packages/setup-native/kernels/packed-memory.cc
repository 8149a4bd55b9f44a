#include "packed-memory.h"

#include <atomic>
#include <cstdlib>

namespace {

std::atomic<size_t> held{0};

} // namespace

size_t packed_bytes() { return held.load(); }

float *take_packed(size_t floats, size_t limit) {
  const size_t bytes = floats * sizeof(float);
  if (held.fetch_add(bytes) + bytes <= limit)
    if (void *data = std::aligned_alloc(64, (bytes + 63) / 64 * 64)) return static_cast<float *>(data);
  held.fetch_sub(bytes);
  return nullptr;
}

void free_packed(void *data, size_t bytes, void *) {
  std::free(data);
  held.fetch_sub(bytes);
}

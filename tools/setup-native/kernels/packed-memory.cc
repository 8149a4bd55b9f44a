#include "packed-memory.h"

#include <atomic>
#include <cstdlib>

namespace {

constexpr size_t MEGABYTE = 1 << 20, USUAL_LIMIT = 1024;

std::atomic<size_t> held{0};

} // namespace

size_t packed_bytes() { return held.load(); }

size_t packed_limit() {
  const char *set = std::getenv("TFJS_PEFT_PACKED_MB");
  const long megabytes = set && *set ? std::atol(set) : static_cast<long>(USUAL_LIMIT);
  return megabytes > 0 ? static_cast<size_t>(megabytes) * MEGABYTE : 0;
}

float *take_packed(size_t floats) {
  const size_t bytes = floats * sizeof(float);
  if (held.fetch_add(bytes) + bytes <= packed_limit())
    if (void *data = std::aligned_alloc(64, (bytes + 63) / 64 * 64)) return static_cast<float *>(data);
  held.fetch_sub(bytes);
  return nullptr;
}

void free_packed(void *data, size_t bytes, void *) {
  std::free(data);
  held.fetch_sub(bytes);
}

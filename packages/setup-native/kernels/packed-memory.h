#pragma once

#include <cstddef>

/** Bytes of packed weights that are held now. */
size_t packed_bytes();

/** Memory for packed weights, 64 bytes aligned; null if all of it would be more than `limit` bytes, or if there is none. */
float *take_packed(size_t floats, size_t limit);
void free_packed(void *data, size_t bytes, void *);

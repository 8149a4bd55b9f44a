#pragma once

#include <cstddef>

/** Bytes of packed weights that are held now, and how many there may be: TFJS_PEFT_PACKED_MB, 1024 if it is not set. */
size_t packed_bytes();
size_t packed_limit();

/** Memory for packed weights, 64 bytes aligned; null if it would be more than the limit, or if there is none. */
float *take_packed(size_t floats);
void free_packed(void *data, size_t bytes, void *);

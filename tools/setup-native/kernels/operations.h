#pragma once

#include "compute.h"
#include "tensorflow/c/tf_status.h"

/** The best instruction set this machine has. */
const Compute &best_compute();

/** Registers the operations with TensorFlow; `status` says what went wrong. */
void register_operations(TF_Status *status);

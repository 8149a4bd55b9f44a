#pragma once

#include <string>

#include "compute.h"
#include "tensorflow/c/tf_status.h"

/** The best instruction set this machine has. */
const Compute &best_compute();

/** Registers the operations with TensorFlow and gives their names, with a comma after each; `status` says what went wrong. */
std::string register_operations(TF_Status *status);

// Compiled once for each instruction set, with COMPUTE naming the table it defines and INSTRUCTIONS the set.
#include "compute.h"

#include "adamw.h"
#include "affine.h"
#include "attention.h"
#include "layer-norm.h"
#include "move-rows.h"
#include "sparse.h"

extern const Compute COMPUTE;
const Compute COMPUTE = {
    INSTRUCTIONS, affine, sparse_affine, sparse_gradient, feed_forward, feed_forward_gradient, add, adamw,
    move_rows,    gelu,   layer_norm,    layer_norm_gradient, attention,    attention_gradient,
};

// Compiled once for each instruction set, with COMPUTE naming the table it defines and INSTRUCTIONS the set.
#include "compute.h"

#include "adamw.h"
#include "affine.h"
#include "attention.h"
#include "dot.h"
#include "dropout.h"
#include "gated-silu.h"
#include "layer-norm.h"
#include "low-rank.h"
#include "mix.h"
#include "move-rows.h"
#include "rms-norm.h"
#include "rotate.h"
#include "sparse.h"

extern const Compute COMPUTE;
const Compute COMPUTE = {
    INSTRUCTIONS, PANEL, pack_weights, affine, sparse_affine, sparse_gradient, feed_forward, feed_forward_gradient, low_rank, low_rank_gradient, add, adamw,
    dot, difference, mix, mix_gradient, dropout,
    move_rows, gelu, layer_norm, layer_norm_gradient, rms_norm, rms_norm_gradient, rotate, gated_silu, gated_silu_gradient, attention, attention_gradient,
};

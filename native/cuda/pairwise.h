// All values of two sets, in chunks of rows.
#pragma once

#include "cuda/set.h"

namespace nearvote::cuda {

void compute_pairwise(const NearvotePairwiseArgs& args);

}  // namespace nearvote::cuda

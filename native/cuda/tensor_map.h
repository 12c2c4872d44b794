// How the tensor copy engine sees rows of halves: boxes of 128 rows x 64 halves, written to shared memory with the
// 128-byte swizzle; rows beyond the last are zeros.
#pragma once

#include "cuda/hopper.h"

namespace nearvote::cuda {

// rows: count x depth, depth a multiple of 64. Throws CudaError.
TensorMap make_tensor_map(const uint16_t* rows, int64_t count, int64_t depth);

}  // namespace nearvote::cuda

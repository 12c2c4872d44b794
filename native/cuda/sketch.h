// The product: codes of a chunk of queries against all searched support positions (core/device/filter_code.h and
// layout.h). Knows nothing of votes or k.
#pragma once

#include "core/device/filter_code.h"
#include "cuda/platform.h"

namespace nearvote::cuda {

struct SketchArgs {
  const uint16_t* support;  // positions (a multiple of 128) x depth
  const float2* places;     // per position: scale, bias (-inf: no row)
  int64_t positions;
  const uint16_t* queries;  // queries (a multiple of 128) x depth
  const device::QueryFilter* filters;
  int64_t query_count;
  int64_t depth;  // a multiple of 64
  uint32_t* codes;
};

// size: support positions per code, 1 or 4.
void sketch(const SketchArgs& args, int size, cudaStream_t stream);

}  // namespace nearvote::cuda

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

// size: support positions per code, 1 or 4. mma.sync, any device; wgmma, compute capability 9.0. Their sums may differ
// in the last bits and their codes by less than the slack.
void sketch_mma(const SketchArgs& args, int size, cudaStream_t stream);
void sketch_wgmma(const SketchArgs& args, int size, int multiprocessors, cudaStream_t stream);

// The product of the device, mma.sync; NEARVOTE_CUDA_SKETCH=wgmma (read once) chooses the other. Throws CudaError where
// the device has none or the value is unknown.
void sketch(const SketchArgs& args, int size, int device, cudaStream_t stream);

}  // namespace nearvote::cuda

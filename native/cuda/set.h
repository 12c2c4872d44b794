// Embedding rows resident on a device: as floats, for canonical scores, and quantised, for the filter.
#pragma once

#include <vector>

#include "core/device/device_api.h"
#include "core/device/quantize.h"
#include "cuda/buffers.h"

struct NearvoteDeviceSet {
  int device = 0;
  int64_t rows = 0, dims = 0;
  int64_t depth = 0;  // dims rounded up to 64: halves per quantised row
  bool l2 = false, cosine = false;
  nearvote::cuda::DeviceBuffer<float> values;     // rows x dims
  nearvote::cuda::DeviceBuffer<uint16_t> halves;  // rows rounded up to 128, zero beyond, x depth
  std::vector<nearvote::device::RowInfo> info;
};

namespace nearvote::cuda {

// Throws CudaError, OutOfDeviceMemory.
NearvoteDeviceSet* make_set(const NearvoteSetArgs& args);

// out: padded rows x depth; row i is row order[i] of the set, zeros where order[i] < 0.
void gather_halves(const NearvoteDeviceSet& set, const int32_t* order, int64_t count, uint16_t* out,
                   cudaStream_t stream);

}  // namespace nearvote::cuda

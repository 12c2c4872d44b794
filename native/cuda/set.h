// Embedding rows resident on a device: as floats, for canonical scores, and quantised, for the filter.
#pragma once

#include <vector>

#include "core/device/device_api.h"
#include "core/device/quantize.h"
#include "cuda/buffers.h"

namespace nearvote::cuda {

// Host memory that kernels read in place, page-locked as long as this lives.
class MappedRows {
 public:
  MappedRows() = default;
  // Throws OutOfDeviceMemory where the host does not allow it.
  MappedRows(const float* rows, size_t bytes);
  MappedRows(MappedRows&& other) noexcept : rows_(std::exchange(other.rows_, nullptr)) {}
  MappedRows& operator=(MappedRows&& other) noexcept {
    std::swap(rows_, other.rows_);
    return *this;
  }
  ~MappedRows();
  const float* on_device() const;

 private:
  void* rows_ = nullptr;
};

}  // namespace nearvote::cuda

struct NearvoteDeviceSet {
  int device = 0;
  int64_t rows = 0, dims = 0;
  int64_t depth = 0;  // dims rounded up to 64: halves per quantised row
  bool l2 = false, cosine = false;
  nearvote::cuda::DeviceBuffer<uint16_t> halves;  // rows rounded up to 128, zero beyond, x depth
  nearvote::cuda::DeviceBuffer<float> values;     // rows x dims, or empty
  nearvote::cuda::MappedRows mapped;              // the host's rows where the device has no room for them
  const float* rows_at = nullptr;                 // either, `stride` floats apart, as kernels read them
  int64_t stride = 0;
  std::vector<nearvote::device::RowInfo> info;
};

namespace nearvote::cuda {

// Halves on the device; float32 rows too if they leave room for a search, else read where they are through the bus.
// Throws CudaError, OutOfDeviceMemory.
NearvoteDeviceSet* make_set(const NearvoteSetArgs& args);

// out: padded rows x depth; row i is row order[i] of the set, zeros where order[i] < 0.
void gather_halves(const NearvoteDeviceSet& set, const int32_t* order, int64_t count, uint16_t* out,
                   cudaStream_t stream);

}  // namespace nearvote::cuda

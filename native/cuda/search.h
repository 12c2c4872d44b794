// A search of queries against placed support rows.
#pragma once

#include <vector>

#include "cuda/decide.h"
#include "cuda/placement.h"
#include "cuda/select.h"
#include "cuda/set.h"
#include "cuda/sketch.h"

namespace nearvote::cuda {

// The searched support rows as operands of the product, resident for one call.
class Search {
 public:
  // Throws CudaError, OutOfDeviceMemory. The sets outlive this.
  Search(const NearvoteDeviceSet& queries, const NearvoteDeviceSet& support, Placement placement, cudaStream_t stream);

  bool filtered() const { return filtered_; }
  int64_t groups() const { return placement_.groups(); }
  int group_size() const { return placement_.group_size; }
  const int32_t* order() const { return order_.data(); }
  const NearvoteDeviceSet& queries() const { return queries_; }
  const NearvoteDeviceSet& support() const { return support_; }

  // Filters of all queries, padded to whole chunks; null pointers where nothing is filtered.
  const device::QueryFilter* filters() const { return filters_.data(); }
  const uint8_t* zero() const { return zero_.data(); }

  // Codes of queries first .. first + count (both multiples of 128, padding included).
  void sketch_chunk(int64_t first, int64_t count, uint32_t* codes, cudaStream_t stream) const;

  DecideArgs decide_args(int64_t first, int64_t count, const OpenedGroups& opened) const;

 private:
  const NearvoteDeviceSet& queries_;
  const NearvoteDeviceSet& support_;
  Placement placement_;
  bool filtered_;
  DeviceBuffer<int32_t> order_;
  DeviceBuffer<uint16_t> halves_;
  DeviceBuffer<float2> places_;
  DeviceBuffer<device::QueryFilter> filters_;
  DeviceBuffer<uint8_t> zero_;
};

void search_voters(const NearvoteVotersArgs& args);
void search_top_k(const NearvoteTopKArgs& args);

}  // namespace nearvote::cuda

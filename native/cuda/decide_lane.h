// A quarter warp scores one support row; a warp four.
#pragma once

#include "core/device/canonical_lane.h"
#include "cuda/decide.h"

namespace nearvote::cuda {

// Rows a query has to look at, counted in members of groups.
__device__ inline int64_t rows_to_decide(const DecideArgs& args, int64_t query) {
  const int32_t opened = args.opened.count == nullptr ? INT32_MAX : args.opened.count[query];
  return opened > args.opened.capacity ? args.positions : static_cast<int64_t>(opened) * args.group_size;
}

// The support row of entry `at`, or -1.
__device__ inline int32_t row_to_decide(const DecideArgs& args, int64_t query, int64_t entries, int64_t at) {
  if (at >= entries) return -1;
  if (entries == args.positions && (args.opened.count == nullptr || args.opened.count[query] > args.opened.capacity))
    return args.order[at];
  const int32_t group = args.opened.groups[query * args.opened.capacity + at / args.group_size];
  return args.order[device::position_in(group, static_cast<int>(at % args.group_size), args.group_size)];
}

// The canonical key of a row (any for row < 0), on all eight lanes of the quarter; all lanes of the warp call.
__device__ inline double decide_key(const DecideArgs& args, int64_t query, int32_t row) {
  const float* x = args.queries + query * args.query_stride;
  const float* y = args.support + static_cast<int64_t>(row < 0 ? 0 : row) * args.support_stride;
  double sum = device::lane_sum(x, y, args.dims, threadIdx.x % 8, args.l2 != 0);
  for (int distance = 4; distance > 0; distance /= 2)
    sum = device::exact_add(sum, __shfl_xor_sync(kFullWarp, sum, distance));
  return device::key_of_sum(sum, args.l2 != 0);
}

}  // namespace nearvote::cuda

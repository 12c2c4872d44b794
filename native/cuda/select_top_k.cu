// The k-th largest code of every query, by two histograms of a byte each, and the groups that reach it less the slack:
// k groups hold at least k rows of that code or more. A block takes 64 queries, two per lane; a counter belongs to one
// query, so lanes never meet in one.
#include "core/device/packed.h"
#include "cuda/select.h"

namespace nearvote::cuda {
namespace {

using device::kQueryBlock;
using device::kWords;

constexpr int kWarps = 16;
constexpr int kThreads = kWarps * 32;

// Every warp its share of the groups, this lane's word of each; eight loads are under way before the first is used.
template <class Body>
__device__ inline void walk_codes(const uint32_t* codes, int64_t groups, int warp, int lane, Body&& body) {
  constexpr int kAhead = 8;
  for (int64_t first = warp * kAhead; first < groups; first += kWarps * kAhead) {
    uint32_t words[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) words[i] = first + i < groups ? codes[(first + i) * kWords + lane] : 0;
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      if (first + i < groups) body(first + i, words[i]);
  }
}

__global__ void __launch_bounds__(kThreads, 1)
    open_top_groups(const uint32_t* codes, int64_t groups, const device::QueryFilter* filters, int64_t query_count,
                    int k, OpenedGroups opened) {
  auto* histogram = reinterpret_cast<uint32_t (*)[kQueryBlock]>(dynamic_shared());  // 256 x (half, word)
  __shared__ uint32_t high_byte[kQueryBlock], left[kQueryBlock], bound[kQueryBlock];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t query_block = blockIdx.x;
  codes += device::word_offset(query_block, 0, groups);

  for (int pass = 0; pass < 2; ++pass) {
    for (int i = threadIdx.x; i < 256 * kQueryBlock; i += kThreads) histogram[i / kQueryBlock][i % kQueryBlock] = 0;
    __syncthreads();
    walk_codes(codes, groups, warp, lane, [&](int64_t, uint32_t word) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint32_t code = device::half_word(word, half);
        const int column = half * kWords + lane;
        if (pass == 0)
          atomicAdd(&histogram[code >> 8][column], 1u);
        else if (code >> 8 == high_byte[column])
          atomicAdd(&histogram[code & 255][column], 1u);
      }
    });
    __syncthreads();
    if (threadIdx.x < kQueryBlock) {
      const int column = threadIdx.x;
      uint32_t wanted = pass == 0 ? static_cast<uint32_t>(k) : left[column];
      int bin = 255;
      while (bin > 0 && histogram[bin][column] < wanted) wanted -= histogram[bin--][column];
      if (pass == 0) {
        high_byte[column] = static_cast<uint32_t>(bin);
        left[column] = wanted;
      } else {
        const int64_t query = query_block * kQueryBlock + device::query_of(column % kWords, column / kWords);
        const uint32_t code = high_byte[column] << 8 | static_cast<uint32_t>(bin);
        bound[column] = query < query_count ? device::saturating_sub(code, filters[query].slack) : device::kClosed;
      }
    }
    __syncthreads();
  }

  walk_codes(codes, groups, warp, lane, [&](int64_t group, uint32_t word) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (device::half_word(word, half) < bound[half * kWords + lane]) continue;
      const int64_t query = query_block * kQueryBlock + device::query_of(lane, half);
      const int32_t at = atomicAdd(&opened.count[query], 1);
      if (at < opened.capacity) opened.groups[query * opened.capacity + at] = static_cast<int32_t>(group);
    }
  });
}

}  // namespace

void select_top_k(const SelectTopKArgs& args, cudaStream_t stream) {
  launch("open_top_groups", open_top_groups, dim3(static_cast<unsigned>(args.query_blocks)), dim3(kThreads),
         256 * kQueryBlock * sizeof(uint32_t), stream, args.codes, args.groups, args.filters, args.query_count, args.k,
         args.opened);
}

}  // namespace nearvote::cuda

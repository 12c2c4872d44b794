// A block takes 64 queries, one word of two per lane, and walks tiles of 64 groups: the codes of a tile and the masks
// of its voters go to shared memory, then every warp walks the voters of its cells. All lanes follow the same mask, so
// nothing diverges.
#include "core/device/packed.h"
#include "cuda/select.h"

namespace nearvote::cuda {
namespace {

using device::kListTile;
using device::kWords;

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;

struct TileRange {
  int begin, end;
};
__device__ inline TileRange segment_tiles(int64_t groups, int segments, int segment) {
  const int64_t tiles = (groups + kListTile - 1) / kListTile;
  return {static_cast<int>(tiles * segment / segments), static_cast<int>(tiles * (segment + 1) / segments)};
}

__device__ inline void load_tile(const uint32_t* codes, int64_t groups, int64_t query_block, int tile,
                                 const uint2* masks, int cells, uint32_t* shared, uint2* shared_masks) {
  for (int i = threadIdx.x; i < cells; i += kThreads) shared_masks[i] = masks[static_cast<int64_t>(tile) * cells + i];
  const int64_t first = static_cast<int64_t>(tile) * kListTile;
  const int words = static_cast<int>(min(static_cast<int64_t>(kListTile), groups - first)) * kWords;
  const auto* from = reinterpret_cast<const uint4*>(codes + device::word_offset(query_block, first, groups));
  for (int i = threadIdx.x; i < words / 4; i += kThreads) reinterpret_cast<uint4*>(shared)[i] = from[i];
}

// body(group) for every group of a mask.
template <class Body>
__device__ inline void for_each_group(uint2 mask, Body&& body) {
#pragma unroll 1
  for (int word = 0; word < 2; ++word)
    for (uint32_t bits = word == 0 ? mask.x : mask.y; bits != 0; bits &= bits - 1)
      body(word * 32 + __ffs(static_cast<int>(bits)) - 1);
}

// The largest code of a known voter, per cell and query of one segment.
__global__ void __launch_bounds__(kThreads, 4)
    largest_codes(const uint32_t* codes, int64_t groups, const uint2* all, int cells, int segments, uint32_t* out) {
  __shared__ __align__(16) uint32_t tile_codes[kListTile * kWords];
  __shared__ uint2 tile_masks[kMaxCells];
  auto* best = reinterpret_cast<uint32_t*>(dynamic_shared());  // cells x 32
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t query_block = blockIdx.x;
  const int segment = blockIdx.y;
  for (int i = threadIdx.x; i < cells * kWords; i += kThreads) best[i] = 0;
  const TileRange tiles = segment_tiles(groups, segments, segment);
  for (int tile = tiles.begin; tile < tiles.end; ++tile) {
    __syncthreads();
    load_tile(codes, groups, query_block, tile, all, cells, tile_codes, tile_masks);
    __syncthreads();
    for (int cell = warp; cell < cells; cell += kWarps) {
      uint32_t found = best[cell * kWords + lane];
      for_each_group(tile_masks[cell],
                     [&](int group) { found = device::packed_max(found, tile_codes[group * kWords + lane]); });
      best[cell * kWords + lane] = found;
    }
  }
  __syncthreads();
  uint32_t* to = out + (query_block * segments + segment) * cells * kWords;
  for (int i = threadIdx.x; i < cells * kWords; i += kThreads) to[i] = best[i];
}

// What a code must reach for its group to be opened for (query, LF); kClosed for closed cells.
__device__ inline uint32_t start_bound(const SelectVotersArgs& args, int64_t query, int lf) {
  if (query >= args.query_count || args.zero[query] != 0) return device::kClosed;
  if (args.votes[query * args.lfs + args.first_lf + lf] != 0) return device::kClosed;
  if (args.least_key == nullptr) return 0;
  return device::code_of_key(args.filters[query], args.least_key[args.first_lf + lf], args.l2 != 0);
}

__global__ void __launch_bounds__(kThreads, 4) open_groups(SelectVotersArgs args) {
  __shared__ __align__(16) uint32_t tile_codes[kListTile * kWords];
  __shared__ uint2 tile_masks[kMaxCells];
  __shared__ uint32_t opened[kListTile][2];
  auto* bounds = reinterpret_cast<uint32_t*>(dynamic_shared());  // cells x 32
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t query_block = blockIdx.x;
  const uint32_t* best = args.best + query_block * args.segments * args.cells * kWords;
  for (int i = threadIdx.x; i < args.cells * kWords; i += kThreads) {
    uint32_t largest = 0;
    for (int s = 0; s < args.segments; ++s)
      largest = device::packed_max(largest, best[static_cast<int64_t>(s) * args.cells * kWords + i]);
    uint32_t bound[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t query = query_block * device::kQueryBlock + device::query_of(i % kWords, half);
      const uint32_t start = start_bound(args, query, i / kWords / args.classes_per_lf);
      // Closed queries may lie beyond the filters.
      const uint32_t known = start == device::kClosed
                                 ? 0
                                 : device::saturating_sub(device::half_word(largest, half), args.filters[query].slack);
      bound[half] = start > known ? start : known;
    }
    bounds[i] = device::pack(bound[0], bound[1]);
  }
  const TileRange tiles = segment_tiles(args.groups, args.segments, blockIdx.y);
  for (int tile = tiles.begin; tile < tiles.end; ++tile) {
    __syncthreads();
    load_tile(args.codes, args.groups, query_block, tile, args.any, args.cells, tile_codes, tile_masks);
    if (threadIdx.x < kListTile * 2) opened[threadIdx.x / 2][threadIdx.x % 2] = 0;
    __syncthreads();
    for (int cell = warp; cell < args.cells; cell += kWarps) {
      const uint32_t bound = bounds[cell * kWords + lane];
      for_each_group(tile_masks[cell], [&](int group) {
        const uint32_t reaches = device::packed_reaches(tile_codes[group * kWords + lane], bound);
        const unsigned low = __ballot_sync(kFullWarp, reaches & 0xffffu),
                       high = __ballot_sync(kFullWarp, reaches >> 16);
        if (lane == 0 && low != 0) atomicOr(&opened[group][0], low);
        if (lane == 0 && high != 0) atomicOr(&opened[group][1], high);
      });
    }
    __syncthreads();
    if (threadIdx.x < kListTile * 2) {
      const int group = threadIdx.x / 2, half = threadIdx.x % 2;
      for (uint32_t words = opened[group][half]; words != 0; words &= words - 1) {
        const int word = __ffs(static_cast<int>(words)) - 1;
        const int64_t query = query_block * device::kQueryBlock + device::query_of(word, half);
        const int32_t at = atomicAdd(&args.opened.count[query], 1);
        if (at < args.opened.capacity) args.opened.groups[query * args.opened.capacity + at] = tile * kListTile + group;
      }
    }
  }
}

}  // namespace

void select_voters(const SelectVotersArgs& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(args.query_blocks), static_cast<unsigned>(args.segments));
  const size_t shared = static_cast<size_t>(args.cells) * kWords * sizeof(uint32_t);
  launch("largest_codes", largest_codes, grid, dim3(kThreads), shared, stream, args.codes, args.groups, args.all,
         args.cells, args.segments, args.best);
  launch("open_groups", open_groups, grid, dim3(kThreads), shared, stream, args);
}

}  // namespace nearvote::cuda

// wgmma product for compute capability 9.0 (sm_90a). Blocks of three warpgroups stay and walk over tiles of 128 support
// positions x 256 queries: the first keeps the copy engine four slices of 64 halves ahead, the others multiply, 128 x
// 128 each. The two blocks of a cluster take neighbouring support tiles and the same queries: each fetches half of the
// queries' slice for both.
#include <algorithm>

#include "cuda/hopper.h"
#include "cuda/sketch_codes.h"
#include "cuda/tensor_map.h"
#include "cuda/wgmma_tile.h"

namespace nearvote::cuda {
namespace {

constexpr int kCluster = 2;
constexpr int kWarpgroup = 128;
constexpr int kConsumers = 2;  // warpgroups
constexpr int kThreads = (1 + kConsumers) * kWarpgroup;
constexpr size_t kShared = static_cast<size_t>(kSliceStages) * (kSliceBytes + 2 * sizeof(uint64_t));
static_assert(kConsumers * kBoxRows == kBlockQueries && kConsumers == kCluster && kBoxRows == device::kTileRows);

struct Task {
  const float2* places;
  const device::QueryFilter* filters;
  uint32_t* codes;
  int64_t positions, groups, query_count;
  int query_tiles, tiles;  // tiles: of pairs of support tiles and 256 queries
  int slices;
};

struct Tile {
  int support, query;  // first position of the block, first query
};
__device__ inline Tile tile_of(const Task& task, int tile, uint32_t rank) {
  // Neighbouring clusters share the support tiles.
  return {(tile / task.query_tiles * kCluster + static_cast<int>(rank)) * kBoxRows,
          tile % task.query_tiles * kBlockQueries};
}

struct Ring {
  unsigned char* boxes;
  uint64_t *full, *empty;
  __device__ unsigned char* stage(int index) const { return boxes + index * kSliceBytes; }
};

// One thread.
__device__ inline void produce(const Ring& ring, const TensorMap* support, const TensorMap* queries, const Task& task,
                               uint32_t rank) {
  Turn turn;
  for (int at = static_cast<int>(blockIdx.x) / kCluster; at < task.tiles;
       at += static_cast<int>(gridDim.x) / kCluster) {
    const Tile tile = tile_of(task, at, rank);
    for (int slice = 0; slice < task.slices; ++slice, turn.advance()) {
      uint64_t* full = ring.full + turn.stage;
      unsigned char* stage = ring.stage(turn.stage);
      wait_barrier(ring.empty + turn.stage, turn.phase ^ 1);  // both blocks have left the stage; at first they have
      expect_bytes(full, kSliceBytes);
      load_box(stage, support, full, slice * kSliceDepth, tile.support);
      load_box_to((1 << kCluster) - 1, stage + (1 + rank) * kBoxBytes, queries, full, slice * kSliceDepth,
                  tile.query + static_cast<int>(rank) * kBoxRows);
    }
  }
}

// Every warp tells both blocks that it has left the stage.
__device__ inline void leave(const Ring& ring, int stage, int lane) {
  if (lane < kCluster) arrive_at(ring.empty + stage, static_cast<uint32_t>(lane));
}

template <int Size>
__device__ inline void consume(const Ring& ring, const Task& task, int consumer, uint32_t rank) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, g = lane / 4, t = lane % 4;
  Turn turn;
  float sums[2][64];
  for (int at = static_cast<int>(blockIdx.x) / kCluster; at < task.tiles;
       at += static_cast<int>(gridDim.x) / kCluster) {
    int before = 0;
    for (int slice = 0; slice < task.slices; ++slice) {
      wait_barrier(ring.full + turn.stage, turn.phase);
      const uint32_t stage = shared_address32(ring.stage(turn.stage));
      const uint64_t query = query_descriptor(stage + (1 + consumer) * kBoxBytes);
      begin_products();
#pragma unroll
      for (int k = 0; k < kSliceDepth / 16; ++k)
#pragma unroll
        for (int m = 0; m < 2; ++m)
          multiply_tiles(sums[m], support_descriptor(stage, m) + k * kNextDepth, query + k * kNextDepth,
                         slice > 0 || k > 0);
      commit_products();
      wait_products<1>();
      if (slice > 0) leave(ring, before, lane);
      before = turn.stage;
      turn.advance();
    }
    wait_products<0>();
    leave(ring, before, lane);
    settle(sums[0]);
    settle(sums[1]);

    const Tile tile = tile_of(task, at, rank);
    const int64_t first_query = tile.query + consumer * kBoxRows;
    if (tile.support >= task.positions || first_query >= task.query_count) continue;
    const int64_t first_position = tile.support + support_row(warp, 0, 0);
    float2 place[4];
#pragma unroll
    for (int r = 0; r < 4; ++r) place[r] = task.places[first_position + support_row(0, r, g)];
#pragma unroll
    for (int block = 0; block < kBoxRows / device::kQueryBlock; ++block) {
      const int64_t query = first_query + block * device::kQueryBlock;
      write_codes<Size>(place, task.filters + query, first_position, g, t,
                        task.codes + device::word_offset(query / device::kQueryBlock, 0, task.groups),
                        [&](int r, int n, int i) { return sums[r % 2][accumulator(block * 8 + n, r / 2, i)]; });
    }
  }
}

template <int Size>
__global__ void __cluster_dims__(kCluster, 1, 1) __launch_bounds__(kThreads, 1)
    sketch_wgmma_kernel(const __grid_constant__ TensorMap support, const __grid_constant__ TensorMap queries,
                        Task task) {
  unsigned char* shared = dynamic_shared();
  auto* barriers = reinterpret_cast<uint64_t*>(shared + kSliceStages * kSliceBytes);
  const Ring ring{shared, barriers, barriers + kSliceStages};
  const uint32_t rank = cluster_rank();
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kSliceStages; ++stage) {
      init_barrier(ring.full + stage, 1);
      init_barrier(ring.empty + stage, kCluster * kConsumers * kWarpgroup / 32);
    }
    publish_barriers();
  }
  cluster_sync();
  const int warpgroup = threadIdx.x / kWarpgroup;
  // 40 x 128 + 232 x 256 registers are the 168 x 384 that the launch allots.
  if (warpgroup == 0) {
    release_registers<40>();
    if (threadIdx.x == 0) produce(ring, &support, &queries, task, rank);
    __syncwarp();
  } else {
    take_registers<232>();
    consume<Size>(ring, task, warpgroup - 1, rank);
  }
  cluster_sync();  // a block's shared memory stays until the other has arrived at its barriers for the last time
}

}  // namespace

void sketch_wgmma(const SketchArgs& args, int size, int multiprocessors, cudaStream_t stream) {
  Task task{};
  task.places = args.places;
  task.filters = args.filters;
  task.codes = args.codes;
  task.positions = args.positions;
  task.groups = args.positions / size;
  task.query_count = args.query_count;
  task.query_tiles = static_cast<int>((args.query_count + kBlockQueries - 1) / kBlockQueries);
  const int64_t support_pairs = (args.positions + kCluster * kBoxRows - 1) / (kCluster * kBoxRows);
  task.tiles = static_cast<int>(support_pairs * task.query_tiles);
  task.slices = static_cast<int>(args.depth / kSliceDepth);
  const TensorMap support = make_tensor_map(args.support, args.positions, args.depth);
  const TensorMap queries = make_tensor_map(args.queries, args.query_count, args.depth);
  const int clusters = std::max(1, std::min(multiprocessors / kCluster, task.tiles));
  const dim3 grid(static_cast<unsigned>(clusters * kCluster));
  launch_clusters<kCluster>("sketch", size == 4 ? sketch_wgmma_kernel<4> : sketch_wgmma_kernel<1>, grid, dim3(kThreads),
                            kShared, stream, support, queries, task);
}

}  // namespace nearvote::cuda

#include <algorithm>

#include "core/device/canonical_lane.h"
#include "cuda/chunks.h"
#include "cuda/pairwise.h"

namespace nearvote::cuda {
namespace {

constexpr int kTile = 64;
constexpr int kDepth = 16;
constexpr int kThreads = 256;

struct PairwiseTask {
  const float *a, *b;
  int64_t a_rows, b_rows, dims, a_stride, b_stride;
  int32_t l2, complement;
  float* out;
};

// float32: one accumulator per value, columns in order; l2 sums squares of differences, so nothing cancels and equal
// rows are exactly 0 apart. 64 x 64 values per block, 4 x 4 per thread.
template <bool L2>
__global__ void __launch_bounds__(kThreads) pairwise_values(PairwiseTask task) {
  __shared__ float left[kDepth][kTile + 4], right[kDepth][kTile + 4];
  const int64_t tiles_b = (task.b_rows + kTile - 1) / kTile;
  const int64_t first_a = blockIdx.x / tiles_b * kTile, first_b = blockIdx.x % tiles_b * kTile;
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float sums[4][4] = {};
  for (int64_t at = 0; at < task.dims; at += kDepth) {
    for (int i = threadIdx.x; i < kTile * kDepth; i += kThreads) {
      const int row = i / kDepth, k = i % kDepth;
      const bool inside = at + k < task.dims;
      left[k][row] = inside && first_a + row < task.a_rows ? task.a[(first_a + row) * task.a_stride + at + k] : 0.0f;
      right[k][row] = inside && first_b + row < task.b_rows ? task.b[(first_b + row) * task.b_stride + at + k] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      float x[4], y[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = left[k][ty * 4 + i];
#pragma unroll
      for (int j = 0; j < 4; ++j) y[j] = right[k][tx * 4 + j];
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const float difference = x[i] - y[j];
          sums[i][j] = L2 ? fmaf(difference, difference, sums[i][j]) : fmaf(x[i], y[j], sums[i][j]);
        }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int64_t row = first_a + ty * 4 + i, column = first_b + tx * 4 + j;
      if (row >= task.a_rows || column >= task.b_rows) continue;
      const float value = L2 ? sqrtf(sums[i][j]) : sums[i][j];
      task.out[row * task.b_rows + column] = task.complement != 0 ? 1 - value : value;
    }
}

// Canonical values, rounded once: a quarter warp per value.
__global__ void __launch_bounds__(kThreads) pairwise_canonical(PairwiseTask task) {
  const int64_t values = task.a_rows * task.b_rows;
  const int64_t at = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) / 8;
  const int64_t mine = at < values ? at : values - 1;
  double sum = device::lane_sum(task.a + mine / task.b_rows * task.a_stride,
                                task.b + mine % task.b_rows * task.b_stride, task.dims, threadIdx.x % 8, task.l2 != 0);
  for (int distance = 4; distance > 0; distance /= 2)
    sum = device::exact_add(sum, __shfl_xor_sync(kFullWarp, sum, distance));
  const double score = task.l2 != 0 ? sqrt(sum) : sum;
  if (at < values && threadIdx.x % 8 == 0)
    task.out[at] = static_cast<float>(task.complement != 0 ? device::exact_add(1, -score) : score);
}

struct PairwiseSlot : Chunk {
  PairwiseSlot(int64_t values) : out(values, "matrix values"), host(values) {}
  DeviceBuffer<float> out;
  PinnedBuffer<float> host;
  Stream stream;
};

}  // namespace

void compute_pairwise(const NearvotePairwiseArgs& args) {
  constexpr int64_t kScratch = int64_t{64} << 20;
  const NearvoteDeviceSet &a = *args.a, &b = *args.b;
  poll(args.run, 0, a.rows);
  if (a.rows == 0 || b.rows == 0) return;
  const int64_t scratch =
      args.run != nullptr && args.run->scratch_bytes != 0 ? static_cast<int64_t>(args.run->scratch_bytes) : kScratch;
  const int64_t fit = scratch / 2 / (b.rows * static_cast<int64_t>(sizeof(float)));
  const int64_t chunk = std::clamp<int64_t>(fit / kTile * kTile, kTile, (a.rows + kTile - 1) / kTile * kTile);
  PairwiseSlot slots[2] = {{chunk * b.rows}, {chunk * b.rows}};
  const auto start = [&](PairwiseSlot& slot) {
    const PairwiseTask task{a.rows_at + slot.first * a.stride,
                            b.rows_at,
                            slot.count,
                            b.rows,
                            a.dims,
                            a.stride,
                            b.stride,
                            a.l2,
                            args.complement,
                            slot.out.data()};
    const dim3 tiles(static_cast<unsigned>((b.rows + kTile - 1) / kTile * ((slot.count + kTile - 1) / kTile)));
    if (args.precise != 0)
      launch("pairwise_canonical", pairwise_canonical,
             dim3(static_cast<unsigned>((slot.count * b.rows * 8 + kThreads - 1) / kThreads)), dim3(kThreads), 0,
             slot.stream, task);
    else if (a.l2)
      launch("pairwise_values", pairwise_values<true>, tiles, dim3(kThreads), 0, slot.stream, task);
    else
      launch("pairwise_values", pairwise_values<false>, tiles, dim3(kThreads), 0, slot.stream, task);
    slot.out.download(slot.host.data(), slot.count * b.rows, slot.stream);
  };
  run_chunks(slots, a.rows, chunk, args.run, start, [&](PairwiseSlot& slot) {
    std::copy_n(slot.host.data(), slot.count * b.rows, args.out + slot.first * b.rows);
  });
}

}  // namespace nearvote::cuda

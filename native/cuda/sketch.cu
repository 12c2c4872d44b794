// mma.sync product for sm_80 and up. A block of four warps holds 128 support positions x 128 queries, a warp 64 x 64;
// four stages of 32 halves are copied ahead. Support rows are the rows of the fragments, queries their columns.
#include <cstdlib>

#include "cuda/sketch_codes.h"
#include "cuda/sketch_tile.h"
#include "cuda/tensor_core.h"

namespace nearvote::cuda {
namespace {

constexpr int kThreads = 128;

// The block's rows of both operands, `stage_step` halves in.
__device__ inline void copy_stage(unsigned char* stage, const uint16_t* support, const uint16_t* queries, int64_t depth,
                                  int64_t at) {
  const int chunk = threadIdx.x % 4;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = threadIdx.x / 4 + i * 32;
    const int64_t from = row * depth + at + chunk * 8;
    copy_async16(stage + chunk_offset(row, chunk), support + from);
    copy_async16(stage + kOperandBytes + chunk_offset(row, chunk), queries + from);
  }
}

template <int Size>
__global__ void __launch_bounds__(kThreads, 2)
    sketch_kernel(const uint16_t* support, const float2* places, int64_t groups, const uint16_t* queries,
                  const device::QueryFilter* filters, unsigned query_tiles, int64_t depth, uint32_t* codes) {
  unsigned char* shared = dynamic_shared();
  // Neighbouring blocks share the support tile.
  const int64_t query_tile = blockIdx.x % query_tiles, support_tile = blockIdx.x / query_tiles;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_support = warp % 2 * 64, warp_query = warp / 2 * 64;
  support += support_tile * device::kTileRows * depth;
  queries += query_tile * device::kTileRows * depth;

  float sums[4][8][4];
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int n = 0; n < 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[m][n][i] = 0;

  const int steps = static_cast<int>(depth / kStageDepth);
#pragma unroll
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < steps) copy_stage(shared + s * kStageBytes, support, queries, depth, s * kStageDepth);
    commit_copies();
  }
  for (int step = 0; step < steps; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();  // the stage has landed for all, and all have left the one that is overwritten next
    const int ahead = step + kStages - 1;
    if (ahead < steps)
      copy_stage(shared + ahead % kStages * kStageBytes, support, queries, depth,
                 static_cast<int64_t>(ahead) * kStageDepth);
    commit_copies();
    const unsigned char* stage = shared + step % kStages * kStageBytes;
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      uint32_t a[4][4], b[4][4];
#pragma unroll
      for (int m = 0; m < 4; ++m)
        load_matrices(a[m], stage + chunk_offset(warp_support + m * 16 + lane % 16, 2 * k + lane / 16));
#pragma unroll
      for (int n = 0; n < 4; ++n)
        load_matrices(b[n], stage + kOperandBytes +
                                chunk_offset(warp_query + n * 16 + lane / 16 * 8 + lane % 8, 2 * k + lane / 8 % 2));
#pragma unroll
      for (int m = 0; m < 4; ++m)
#pragma unroll
        for (int n = 0; n < 8; ++n) multiply_add(sums[m][n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
    }
  }

  // Thread (g, t): support rows g and g + 8 of every 16, queries 2t and 2t + 1 of every 8.
  const int g = lane / 4, t = lane % 4;
  const int64_t first_position = support_tile * device::kTileRows + warp_support;
  const int64_t first_query = query_tile * device::kTileRows + warp_query;
  float2 place[8];
#pragma unroll
  for (int r = 0; r < 8; ++r) place[r] = places[first_position + r * 8 + g];
  write_codes<Size>(place, filters + first_query, first_position, g, t,
                    codes + device::word_offset(first_query / device::kQueryBlock, 0, groups),
                    [&](int r, int n, int i) { return sums[r / 2][n][r % 2 * 2 + i]; });
}

}  // namespace

void sketch_mma(const SketchArgs& args, int size, cudaStream_t stream) {
  const auto query_tiles = static_cast<unsigned>(args.query_count / device::kTileRows);
  const auto support_tiles = static_cast<unsigned>(args.positions / device::kTileRows);
  const size_t shared = static_cast<size_t>(kStages) * kStageBytes;
  const dim3 grid(query_tiles * support_tiles);
  if (size == 4)
    launch("sketch", sketch_kernel<4>, grid, dim3(kThreads), shared, stream, args.support, args.places,
           args.positions / 4, args.queries, args.filters, query_tiles, args.depth, args.codes);
  else
    launch("sketch", sketch_kernel<1>, grid, dim3(kThreads), shared, stream, args.support, args.places, args.positions,
           args.queries, args.filters, query_tiles, args.depth, args.codes);
}

void sketch(const SketchArgs& args, int size, int device, cudaStream_t stream) {
  static const std::string choice = [] {
    const char* text = std::getenv("NEARVOTE_CUDA_SKETCH");
    return std::string(text == nullptr ? "mma" : text);
  }();
  if (choice == "mma") return sketch_mma(args, size, stream);
  if (choice != "wgmma") throw CudaError("Expected mma or wgmma for NEARVOTE_CUDA_SKETCH but received " + choice);
  int major = 0, minor = 0, multiprocessors = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "reading the device");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "reading the device");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device), "reading the device");
  if (major != 9 || minor != 0)
    throw CudaError("NEARVOTE_CUDA_SKETCH=wgmma needs compute capability 9.0; this device has " +
                    std::to_string(major) + "." + std::to_string(minor));
  sketch_wgmma(args, size, multiprocessors, stream);
}

}  // namespace nearvote::cuda

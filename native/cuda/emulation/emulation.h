// Runs kernels on the host, lane by lane: every CUDA thread is a fiber, warps meet at collectives, blocks at barriers.
// For tests of the kernels' logic and index maps on machines without a GPU; never shipped, and slow. Shared memory and
// device memory start as NaN; asynchronous copies land when they are waited for and not before, results of a stream
// when the host waits for it; a collective that part of a warp misses, or a barrier that part of a block misses, aborts
// with a message.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "core/device/quantize.h"

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __restrict__
#define __grid_constant__
#define __cluster_dims__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint2 {
  uint32_t x, y;
};
struct uint4 {
  uint32_t x, y, z, w;
};
struct float2 {
  float x, y;
};
struct float4 {
  float x, y, z, w;
};
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
inline float2 make_float2(float x, float y) { return {x, y}; }

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace nearvote::emulation {

// What one lane shows to its warp at a collective.
struct Offer {
  uint64_t words[8];
};
int lane();
// All 32 lanes meet; returns the offers of the warp, valid until the lane's next collective.
const Offer* exchange(const Offer& offer);
void barrier();
void cluster_barrier();
int block_rank();  // of this block in its cluster
unsigned char* shared_memory();
unsigned char* shared_memory(int rank);
void copy_later(void* to, const void* from, size_t bytes);
void commit_copies();
void finish_copies(int pending);
// Blocks of a cluster run together; work of the copy engine lands at any time, at the latest when nothing else can go
// on.
void land_later(std::function<void()> copy);
// Until `passed` says so; it is asked again and again.
void wait_until(std::function<bool()> passed);
// Asynchronous work of this thread in committed groups.
void product_later(std::function<void()> product);
void commit_products();
void finish_products(int pending);
[[noreturn]] void fail(const char* why);
void run(dim3 grid, dim3 block, size_t shared, const std::function<void()>& kernel, int cluster = 1);
extern const std::vector<float> half_values;
inline float half_value(uint16_t half) { return half_values[half]; }

template <class T>
T shuffle(T value, int from) {
  static_assert(sizeof(T) <= 8);
  Offer offer{};
  memcpy(offer.words, &value, sizeof(T));
  memcpy(&value, exchange(offer)[from & 31].words, sizeof(T));
  return value;
}

}  // namespace nearvote::emulation

// --- device functions ---
inline void __syncthreads() { nearvote::emulation::barrier(); }
inline void __syncwarp(unsigned = 0xffffffffu) { nearvote::emulation::exchange({}); }
template <class T>
T __shfl_sync(unsigned, T value, int from) {
  return nearvote::emulation::shuffle(value, from);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return nearvote::emulation::shuffle(value, nearvote::emulation::lane() ^ mask);
}
inline unsigned __ballot_sync(unsigned, int predicate) {
  nearvote::emulation::Offer offer{};
  offer.words[0] = predicate != 0;
  const auto* offers = nearvote::emulation::exchange(offer);
  unsigned bits = 0;
  for (int l = 0; l < 32; ++l) bits |= static_cast<unsigned>(offers[l].words[0]) << l;
  return bits;
}
template <class T>
T atomicAdd(T* at, T value) {
  const T before = *at;
  *at = before + value;
  return before;
}
inline uint32_t atomicOr(uint32_t* at, uint32_t value) {
  const uint32_t before = *at;
  *at = before | value;
  return before;
}
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int min(int a, int b) { return a < b ? a : b; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

// --- the runtime, as far as it is used ---
using cudaError_t = int;
struct EmulatedStream;
using cudaStream_t = EmulatedStream*;
constexpr cudaError_t cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorInsufficientDriver = 35,
                      cudaErrorNoDevice = 100;
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  size_t sharedMemPerBlockOptin;
};
constexpr unsigned cudaStreamNonBlocking = 1, cudaHostRegisterMapped = 2;
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaHostRegister(void* at, size_t bytes, unsigned flags);
cudaError_t cudaHostUnregister(void* at);
cudaError_t cudaHostGetDevicePointer(void** on_device, void* at, unsigned flags);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMalloc(void** at, size_t bytes);
cudaError_t cudaFree(void* at);
cudaError_t cudaMallocHost(void** at, size_t bytes);
cudaError_t cudaFreeHost(void* at);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t rows,
                              cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* at, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t status);

namespace nearvote::cuda {

template <class... Parameters, class... Arguments>
void launch(const char*, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t,
            Arguments... arguments) {
  nearvote::emulation::run(grid, block, shared, [=] { kernel(arguments...); });
}

template <int Cluster, class... Parameters, class... Arguments>
void launch_clusters(const char*, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t,
                     Arguments... arguments) {
  nearvote::emulation::run(grid, block, shared, [=] { kernel(arguments...); }, Cluster);
}

inline unsigned char* dynamic_shared() { return nearvote::emulation::shared_memory(); }

// --- tensor_core.h, from the tables of the PTX ISA ---
inline void copy_async16(void* shared, const void* global) { nearvote::emulation::copy_later(shared, global, 16); }
inline void commit_copies() { nearvote::emulation::commit_copies(); }
template <int Pending>
void wait_copies() {
  nearvote::emulation::finish_copies(Pending);
}

inline void load_matrices(uint32_t (&out)[4], const void* row) {
  nearvote::emulation::Offer offer{};
  offer.words[0] = reinterpret_cast<uint64_t>(row);
  const auto* offers = nearvote::emulation::exchange(offer);
  const int lane = nearvote::emulation::lane();
  for (int matrix = 0; matrix < 4; ++matrix) {
    const auto* from = reinterpret_cast<const unsigned char*>(offers[matrix * 8 + lane / 4].words[0]);
    memcpy(&out[matrix], from + lane % 4 * 4, 4);
  }
}

// Rounds toward zero, as tensor cores may.
inline float truncated(double exact) {
  float nearest = static_cast<float>(exact);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(exact)) {
    uint32_t bits;
    memcpy(&bits, &nearest, 4);
    --bits;
    memcpy(&nearest, &bits, 4);
  }
  return nearest;
}

inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  // Each lane shows its fragments as pairs of floats: a[register], then b.
  struct Fragments {
    float pairs[6][2];
  };
  static_assert(sizeof(Fragments) <= sizeof(nearvote::emulation::Offer));
  const uint32_t registers[6] = {a[0], a[1], a[2], a[3], b0, b1};
  Fragments mine;
  for (int i = 0; i < 12; ++i)
    mine.pairs[i / 2][i % 2] = nearvote::emulation::half_value(static_cast<uint16_t>(registers[i / 2] >> i % 2 * 16));
  nearvote::emulation::Offer offer{};
  memcpy(offer.words, &mine, sizeof mine);
  const auto* offers = nearvote::emulation::exchange(offer);
  const auto copy_pair = [&](float* to, int lane, int reg) {
    memcpy(to, reinterpret_cast<const char*>(offers[lane].words) + reg * sizeof(mine.pairs[0]), sizeof mine.pairs[0]);
  };
  const int lane = nearvote::emulation::lane();
  float rows[2][16], columns[2][16];  // this lane's rows of a and columns of b
  for (int i = 0; i < 2; ++i)
    for (int k = 0; k < 16; k += 2) {
      copy_pair(rows[i] + k, lane / 4 * 4 + k % 8 / 2, i + k / 8 * 2);
      copy_pair(columns[i] + k, (lane % 4 * 2 + i) * 4 + k % 8 / 2, 4 + k / 8);
    }
  for (int i = 0; i < 4; ++i) {
    double sum = static_cast<double>(c[i]);
    for (int k = 0; k < 16; ++k) sum += static_cast<double>(rows[i / 2][k]) * static_cast<double>(columns[i % 2][k]);
    c[i] = truncated(sum);
  }
}

}  // namespace nearvote::cuda

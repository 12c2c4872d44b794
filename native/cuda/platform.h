// What kernels and their host code are written against: CUDA, or (NEARVOTE_EMULATED, tests only) the lane-by-lane
// emulation that runs the same sources on a machine without a GPU.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#if defined(NEARVOTE_EMULATED)
#include "cuda/emulation/emulation.h"
#else
#include <cuda_runtime.h>
#endif

namespace nearvote::cuda {

constexpr unsigned kFullWarp = 0xffffffffu;

class CudaError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class OutOfDeviceMemory : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class CallCancelled : public std::runtime_error {
 public:
  CallCancelled() : std::runtime_error("The operation was cancelled") {}
};

// The sticky last error is cleared, so that the next call starts clean.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw CudaError(std::string("CUDA: ") + what + " failed: " + cudaGetErrorString(status));
}

#if defined(__CUDACC__)
// Starts a kernel; more than 48 KB of dynamic shared memory has to be asked for.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
            Arguments... arguments) {
  if (shared > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), name);
  kernel<<<grid, block, shared, stream>>>(arguments...);
  check(cudaGetLastError(), name);
}

// A kernel declared with __cluster_dims__(Cluster).
template <int Cluster, class... Parameters, class... Arguments>
void launch_clusters(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared,
                     cudaStream_t stream, Arguments... arguments) {
  launch(name, kernel, grid, block, shared, stream, arguments...);
}

// The block's dynamic shared memory, aligned as a swizzle of 128 bytes repeats.
__device__ inline unsigned char* dynamic_shared() {
  extern __shared__ __align__(1024) unsigned char memory[];
  return memory;
}
#endif

}  // namespace nearvote::cuda

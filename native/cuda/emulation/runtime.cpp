// The part of the CUDA runtime that the backend calls, on the host's memory. NEARVOTE_EMULATED_MEMORY limits it, in
// bytes.
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/emulation/emulation.h"

namespace {

struct Allocations {
  std::mutex mutex;
  std::map<void*, size_t> sizes;
  size_t used = 0;
  static size_t limit() {
    const char* text = std::getenv("NEARVOTE_EMULATED_MEMORY");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : size_t{1} << 30;
  }
};
Allocations& allocations() {
  static auto* const instance = new Allocations;
  return *instance;
}
cudaError_t last_error = cudaSuccess;
cudaError_t set_error(cudaError_t status) { return last_error = status; }

}  // namespace

// Copies to the host that nobody has waited for yet.
struct EmulatedStream {
  std::vector<std::pair<void*, std::vector<unsigned char>>> results;
};

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulation on the host, for tests", 9, 0, 4, 227 << 10};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties{};
  cudaGetDeviceProperties(&properties, device);
  *value = attribute == cudaDevAttrMultiProcessorCount      ? properties.multiProcessorCount
           : attribute == cudaDevAttrComputeCapabilityMajor ? properties.major
                                                            : properties.minor;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaHostRegister(void*, size_t, unsigned) { return cudaSuccess; }
cudaError_t cudaHostUnregister(void*) { return cudaSuccess; }
cudaError_t cudaHostGetDevicePointer(void** on_device, void* at, unsigned) {
  *on_device = at;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(allocations().mutex);
  *total = allocations().limit();
  *free = *total > allocations().used ? *total - allocations().used : 0;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** at, size_t bytes) {
  auto& all = allocations();
  const std::lock_guard lock(all.mutex);
  if (all.used + bytes > all.limit()) return set_error(cudaErrorMemoryAllocation);
  *at = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(*at, 0xff, bytes);
  all.sizes[*at] = bytes;
  all.used += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void* at) {
  if (at == nullptr) return cudaSuccess;
  auto& all = allocations();
  const std::lock_guard lock(all.mutex);
  all.used -= all.sizes.at(at);
  all.sizes.erase(at);
  std::free(at);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** at, size_t bytes) {
  *at = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* at) {
  std::free(at);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (kind != cudaMemcpyDeviceToHost) {
    memcpy(to, from, bytes);
    return cudaSuccess;
  }
  const auto* data = static_cast<const unsigned char*>(from);
  stream->results.push_back({to, {data, data + bytes}});
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t rows,
                              cudaMemcpyKind, cudaStream_t) {
  for (size_t i = 0; i < rows; ++i)
    memcpy(static_cast<char*>(to) + i * to_pitch, static_cast<const char*>(from) + i * from_pitch, width);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* at, int value, size_t bytes, cudaStream_t) {
  memset(at, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new EmulatedStream;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  for (const auto& [to, data] : stream->results) memcpy(to, data.data(), data.size());
  stream->results.clear();
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  const cudaError_t status = last_error;
  set_error(cudaSuccess);
  return status;
}
const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory" : "an error";
}

#include <algorithm>
#include <map>

#include "cuda/memory.h"

namespace nearvote::cuda {
namespace {

// Sizes in steps of an eighth of their power of two, so that calls of similar sizes meet in the same blocks.
size_t size_class(size_t bytes) {
  size_t step = 64;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

cudaError_t allocate_pinned(void** data, size_t bytes) { return cudaMallocHost(data, bytes); }
cudaError_t allocate_on_device(void** data, size_t bytes) { return cudaMalloc(data, bytes); }

}  // namespace

void* BlockCache::take(size_t bytes) {
  const size_t wanted = size_class(bytes);
  for (Block& block : blocks_)
    if (!block.busy && block.bytes == wanted) {
      block.busy = block.used = true;
#if defined(NEARVOTE_EMULATED)
      memset(block.data, 0xff, bytes);  // still memory that nobody wrote
#endif
      return block.data;
    }
  void* data = nullptr;
  cudaError_t status = allocate_(&data, wanted);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    drop_idle();
    status = allocate_(&data, wanted);
  }
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(status, "asking for memory");
  blocks_.push_back({data, wanted, true, true});
  return data;
}

void BlockCache::give(void* data) {
  for (Block& block : blocks_)
    if (block.data == data) block.busy = false;
}

template <class Unwanted>
void BlockCache::free_if(Unwanted&& unwanted) {
  std::erase_if(blocks_, [&](const Block& block) {
    if (block.busy || !unwanted(block)) return false;
    free_(block.data);
    return true;
  });
}

void BlockCache::end_of_call() {
  free_if([](const Block& block) { return !block.used; });
  for (Block& block : blocks_) block.used = block.busy;
}

void BlockCache::drop_idle() {
  free_if([](const Block&) { return true; });
}

size_t BlockCache::idle_bytes() const {
  size_t bytes = 0;
  for (const Block& block : blocks_) bytes += block.busy ? 0 : block.bytes;
  return bytes;
}

// Never destroyed: the driver may be gone before the statics of a process are.
BlockCache& device_blocks() {
  static auto* const caches = new std::map<int, BlockCache>;
  int device = 0;
  cudaGetDevice(&device);  // guarded calls have chosen one; errors of earlier work show elsewhere
  return caches->try_emplace(device, allocate_on_device, cudaFree).first->second;
}
BlockCache& pinned_blocks() {
  static auto* const cache = new BlockCache(allocate_pinned, cudaFreeHost);
  return *cache;
}

size_t available_memory() {
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "reading the device's memory");
  return free + device_blocks().idle_bytes();
}

void throw_out_of_memory(size_t bytes, const char* what) {
  cudaGetLastError();
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  const auto mib = [](size_t b) { return std::to_string((b + (1 << 20) - 1) >> 20) + " MiB"; };
  throw OutOfDeviceMemory("Expected " + mib(bytes) + " of free device memory for " + what + " but received " +
                          mib(free) + " of " + mib(total));
}

}  // namespace nearvote::cuda

// Memory of a call, kept for the next one: asking a device for memory, or the host for locked pages, costs milliseconds
// where a small search takes one. What a search did not use again is freed when it ends, everything idle when memory is
// short or no set is left. Calls run one after the other, so nothing here is locked; a block is handed back only after
// the work that used it (api.cu waits for the device before a failed call ends).
#pragma once

#include <vector>

#include "cuda/platform.h"

namespace nearvote::cuda {

class BlockCache {
 public:
  using Allocate = cudaError_t (*)(void**, size_t);
  using Free = cudaError_t (*)(void*);
  BlockCache(Allocate allocate, Free free) : allocate_(allocate), free_(free) {}

  // bytes > 0, rounded up by an eighth at most; null when there is no such memory. Throws CudaError.
  void* take(size_t bytes);
  void give(void* data);
  // Frees idle blocks that were not taken since the last time.
  void end_of_call();
  void drop_idle();
  size_t idle_bytes() const;

 private:
  struct Block {
    void* data;
    size_t bytes;
    bool busy, used;
  };
  template <class Unwanted>
  void free_if(Unwanted&& unwanted);
  Allocate allocate_;
  Free free_;
  std::vector<Block> blocks_;
};

BlockCache& device_blocks();  // of the current device
BlockCache& pinned_blocks();

// Bytes a search may still take on the current device.
size_t available_memory();

// Throws an OutOfDeviceMemory that names what was needed and what there is.
[[noreturn]] void throw_out_of_memory(size_t bytes, const char* what);

}  // namespace nearvote::cuda

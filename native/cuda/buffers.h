// Device memory, pinned host memory and streams that free themselves. Running out of memory is an OutOfDeviceMemory
// that names what was needed; the device stays usable.
#pragma once

#include <utility>

#include "cuda/memory.h"

namespace nearvote::cuda {

template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  // Scratch of a call.
  DeviceBuffer(int64_t size, const char* what) : size_(size) {
    if (size == 0) return;
    cache_ = &device_blocks();
    data_ = static_cast<T*>(cache_->take(bytes()));
    if (data_ == nullptr) throw_out_of_memory(bytes(), what);
  }
  // Memory of a set: the device's again as soon as the buffer ends.
  static DeviceBuffer resident(int64_t size, const char* what) {
    DeviceBuffer out;
    if (size == 0) return out;
    const size_t bytes = static_cast<size_t>(size) * sizeof(T);
    void* data = nullptr;
    cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      device_blocks().drop_idle();
      status = cudaMalloc(&data, bytes);
    }
    if (status == cudaErrorMemoryAllocation) throw_out_of_memory(bytes, what);
    check(status, what);
    out.data_ = static_cast<T*>(data);
    out.size_ = size;
    return out;
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(cache_, other.cache_);
    return *this;
  }
  ~DeviceBuffer() {
    if (data_ == nullptr) return;
    if (cache_ != nullptr)
      cache_->give(data_);
    else
      cudaFree(data_);
  }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  size_t bytes() const { return static_cast<size_t>(size_) * sizeof(T); }

  void upload(const T* from, int64_t count, cudaStream_t stream) {
    if (count > 0)
      check(cudaMemcpyAsync(data_, from, static_cast<size_t>(count) * sizeof(T), cudaMemcpyHostToDevice, stream),
            "copy to the device");
  }
  void download(T* to, int64_t count, cudaStream_t stream) const {
    check(cudaMemcpyAsync(to, data_, static_cast<size_t>(count) * sizeof(T), cudaMemcpyDeviceToHost, stream),
          "copy of the results");
  }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0;
  BlockCache* cache_ = nullptr;  // null: memory of a set
};

// A buffer with a copy of a vector.
template <class Vector>
auto uploaded(const Vector& from, const char* what, cudaStream_t stream) {
  DeviceBuffer<typename Vector::value_type> buffer(static_cast<int64_t>(from.size()), what);
  buffer.upload(from.data(), buffer.size(), stream);
  return buffer;
}

// Where results arrive: copies to pageable memory would make the host wait for each chunk.
template <class T>
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(int64_t size) {
    if (size == 0) return;
    const size_t bytes = static_cast<size_t>(size) * sizeof(T);
    data_ = static_cast<T*>(pinned_blocks().take(bytes));
    if (data_ == nullptr)
      throw OutOfDeviceMemory("Expected " + std::to_string(bytes) + " bytes of lockable host memory for results");
  }
  PinnedBuffer(PinnedBuffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~PinnedBuffer() {
    if (data_ != nullptr) pinned_blocks().give(data_);
  }
  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
};

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  // Work in flight may use buffers that are freed next.
  ~Stream() {
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
  }
  operator cudaStream_t() const { return stream_; }
  void wait() const { check(cudaStreamSynchronize(stream_), "a kernel"); }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace nearvote::cuda

// Device memory, pinned host memory and streams that free themselves. Running out of memory is an OutOfDeviceMemory
// that names what was needed; the device stays usable.
#pragma once

#include <utility>

#include "cuda/platform.h"

namespace nearvote::cuda {

[[noreturn]] inline void throw_out_of_memory(size_t bytes, const char* what) {
  cudaGetLastError();
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  const auto mib = [](size_t b) { return std::to_string((b + (1 << 20) - 1) >> 20) + " MiB"; };
  throw OutOfDeviceMemory("Expected " + mib(bytes) + " of free device memory for " + what + " but received " +
                          mib(free) + " of " + mib(total));
}

template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(int64_t size, const char* what) : size_(size) {
    if (size == 0) return;
    const cudaError_t status = cudaMalloc(reinterpret_cast<void**>(&data_), bytes());
    if (status == cudaErrorMemoryAllocation) throw_out_of_memory(bytes(), what);
    check(status, what);
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~DeviceBuffer() { cudaFree(data_); }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  size_t bytes() const { return static_cast<size_t>(size_) * sizeof(T); }

  void upload(const T* from, int64_t count, cudaStream_t stream) {
    if (count > 0)
      check(cudaMemcpyAsync(data_, from, static_cast<size_t>(count) * sizeof(T), cudaMemcpyHostToDevice, stream),
            "copy to the device");
  }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0;
};

// A buffer with a copy of a vector.
template <class Vector>
auto uploaded(const Vector& from, const char* what, cudaStream_t stream) {
  DeviceBuffer<typename Vector::value_type> buffer(static_cast<int64_t>(from.size()), what);
  buffer.upload(from.data(), buffer.size(), stream);
  return buffer;
}

template <class T>
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(int64_t size) {
    if (size > 0)
      check(cudaMallocHost(reinterpret_cast<void**>(&data_), static_cast<size_t>(size) * sizeof(T)), "pinned memory");
  }
  PinnedBuffer(PinnedBuffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~PinnedBuffer() { cudaFreeHost(data_); }
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

// Owning, 64-byte aligned, uninitialised storage for packed operands and scratch (a cache line, an AMX tile row).
//
// Aligned by hand: what glibc's aligned allocation gives back is too small for the next one of the same size, and a
// heap in which something lies behind it grows with every one (up to 2.37).
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace nearvote {

template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(int64_t size) : size_(size) {
    if (size <= 0) return;
    size_t space = static_cast<size_t>(bytes() + alignment());
    base_ = ::operator new(space);
    void* aligned = base_;
    data_ = static_cast<T*>(std::align(static_cast<size_t>(alignment()), static_cast<size_t>(bytes()), aligned, space));
#if defined(__linux__)
    // A large buffer in 4 KiB pages costs a page fault per 4 KiB when it is filled: as long as the copy itself.
    if (bytes() >= kHugeFrom) madvise(data_, static_cast<size_t>(bytes()), MADV_HUGEPAGE);
#endif
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { ::operator delete(base_); }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  static constexpr int64_t kHugePage = int64_t{1} << 21, kHugeFrom = 2 * kHugePage;
  int64_t alignment() const { return bytes() >= kHugeFrom ? kHugePage : 64; }

  void* base_ = nullptr;  // of what was allocated
  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace nearvote

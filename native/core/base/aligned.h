// Owning, 64-byte aligned, uninitialised storage for packed operands and scratch (a cache line, an AMX tile row).
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>
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
    data_ = static_cast<T*>(::operator new(static_cast<size_t>(bytes()), alignment()));
#if defined(__linux__)
    // A large buffer in 4 KiB pages costs a page fault per 4 KiB when it is filled: as long as the copy itself.
    if (bytes() >= kHugeFrom) madvise(data_, static_cast<size_t>(bytes()), MADV_HUGEPAGE);
#endif
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() {
    if (data_ != nullptr) ::operator delete(data_, alignment());
  }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  static constexpr int64_t kHugePage = int64_t{1} << 21, kHugeFrom = 2 * kHugePage;
  std::align_val_t alignment() const { return std::align_val_t(bytes() >= kHugeFrom ? kHugePage : 64); }

  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace nearvote

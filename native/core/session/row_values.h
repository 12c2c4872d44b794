// A value per row of one version of a column. A version that only has more rows than another lies in the same memory
// where there is room, and the other's rows stay as they are: appending writes what comes and nothing else.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/aligned.h"

namespace nearvote {

// Copies show the same memory. Rows that another version shows may only be read; versions may be dropped by any thread
// while one of them grows.
template <class T>
class RowValues {
 public:
  RowValues() = default;
  // Not set yet, with room for an eighth more.
  explicit RowValues(int64_t rows) : memory_(std::make_shared<Memory>(rows)), rows_(rows) {}
  RowValues(int64_t rows, T value) : RowValues(rows) { std::fill_n(memory_->values.data(), rows, value); }

  int64_t size() const { return rows_; }
  const T* data() const { return memory_ == nullptr ? nullptr : memory_->values.data(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + rows_; }
  T operator[](int64_t row) const { return memory_->values[row]; }
  T* writable() { return memory_->values.data(); }
  bool shares_memory_with(const RowValues& other) const { return memory_ == other.memory_; }

  // In memory of their own.
  RowValues copy() const {
    RowValues out(rows_);
    std::copy_n(data(), rows_, out.writable());
    return out;
  }

  // These and `more`, not set yet: in the same memory unless others grew into its room. Not for concurrent use with
  // other growing of the same memory.
  RowValues grown(int64_t more) const {
    RowValues out;
    out.rows_ = rows_ + more;
    int64_t used = rows_;
    if (memory_ != nullptr && out.rows_ <= memory_->values.size() &&
        memory_->used.compare_exchange_strong(used, out.rows_)) {
      out.memory_ = memory_;
      out.claim_ = std::make_shared<Claim>(memory_, rows_, out.rows_);
      return out;
    }
    out.memory_ = std::make_shared<Memory>(out.rows_);
    std::copy_n(data(), rows_, out.writable());
    return out;
  }

 private:
  struct Memory {
    explicit Memory(int64_t rows) : values(rows + rows / 8 + 1024), used(rows) {}
    AlignedBuffer<T> values;
    std::atomic<int64_t> used;
  };
  // The room that a version took; given back when nothing shows it any more. Of versions that were grown one from the
  // other the last goes first, as a rule; otherwise the room is lost until the rows are copied.
  struct Claim {
    Claim(std::shared_ptr<Memory> of, int64_t before, int64_t after) : memory(std::move(of)), from(before), to(after) {}
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim() {
      int64_t used = to;
      memory->used.compare_exchange_strong(used, from);
    }
    std::shared_ptr<Memory> memory;
    int64_t from, to;
  };

  std::shared_ptr<Memory> memory_;
  std::shared_ptr<const Claim> claim_;
  int64_t rows_ = 0;
};

template <class T>
bool operator==(const RowValues<T>& a, const RowValues<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace nearvote

#include "core/session/list_storage.h"

#include <numeric>
#include <utility>

namespace nearvote {

ListStorage::ListStorage(int64_t rows, int64_t stride) : stride_(stride) {
  add_block(AlignedBuffer<uint32_t>(rows * stride), AlignedBuffer<float>(rows * stride), rows);
  free_.clear();
  std::fill_n(uses_.begin(), rows, 1);
}

// Also cuts a larger piece of memory into blocks; the last one may be shorter than its numbers.
void ListStorage::add_block(AlignedBuffer<uint32_t> entries, AlignedBuffer<float> scores, int64_t slots) {
  const auto first = static_cast<int64_t>(uses_.size());
  for (int64_t at = 0; at < slots; at += kBlockSlots)
    blocks_.push_back({entries.data() + at * stride_, scores.data() + at * stride_});
  uses_.resize(blocks_.size() * kBlockSlots);
  for (int64_t slot = slots - 1; slot >= 0; --slot) free_.push_back(static_cast<int32_t>(first + slot));
  entries_.push_back(std::move(entries));
  scores_.push_back(std::move(scores));
}

std::vector<ListStorage::Block> ListStorage::blocks() const {
  const std::lock_guard lock(mutex_);
  return blocks_;
}

int64_t ListStorage::bytes() const {
  const std::lock_guard lock(mutex_);
  int64_t total = static_cast<int64_t>((uses_.size() + free_.size()) * sizeof(int32_t));
  for (const auto& entries : entries_) total += 2 * entries.bytes();
  return total;
}

std::vector<int32_t> ListStorage::take(int64_t count) {
  const std::lock_guard lock(mutex_);
  while (static_cast<int64_t>(free_.size()) < count)
    add_block(AlignedBuffer<uint32_t>(kBlockSlots * stride_), AlignedBuffer<float>(kBlockSlots * stride_), kBlockSlots);
  std::vector<int32_t> slots(free_.end() - count, free_.end());
  free_.resize(free_.size() - static_cast<size_t>(count));
  for (const int32_t slot : slots) uses_[static_cast<size_t>(slot)] = 1;
  return slots;
}

void ListStorage::hold(const std::vector<int32_t>& slots) {
  const std::lock_guard lock(mutex_);
  for (const int32_t slot : slots) ++uses_[static_cast<size_t>(slot)];
}

void ListStorage::release(const std::vector<int32_t>& slots) {
  const std::lock_guard lock(mutex_);
  for (const int32_t slot : slots)
    if (--uses_[static_cast<size_t>(slot)] == 0) free_.push_back(slot);
}

}  // namespace nearvote

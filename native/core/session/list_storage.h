// Memory of neighbour lists, in slots of `stride` entries that several states of one session share: a list that did not
// change from one state to the next is held once. Slots never move.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "core/base/aligned.h"

namespace nearvote {

class ListStorage {
 public:
  static constexpr int64_t kBlockSlots = 4096;  // long lists: enough for large pages
  struct Block {
    uint32_t* entries;
    float* scores;
  };

  // `rows` slots, one after the other: slots 0 .. rows - 1, each used once.
  ListStorage(int64_t rows, int64_t stride);

  // The blocks there are now; slot s is number s % kBlockSlots of block s / kBlockSlots.
  std::vector<Block> blocks() const;
  int64_t bytes() const;

  // Slots that no one uses so far, each used once from now on.
  std::vector<int32_t> take(int64_t count);
  // One use more, or less, of each; a slot that no one uses any more is free.
  void hold(const std::vector<int32_t>& slots);
  void release(const std::vector<int32_t>& slots);

 private:
  void add_block(AlignedBuffer<uint32_t> entries, AlignedBuffer<float> scores, int64_t slots);

  int64_t stride_;
  mutable std::mutex mutex_;
  std::vector<AlignedBuffer<uint32_t>> entries_;
  std::vector<AlignedBuffer<float>> scores_;
  std::vector<Block> blocks_;
  std::vector<int32_t> uses_;  // per slot
  std::vector<int32_t> free_;  // taken from the end
};

}  // namespace nearvote

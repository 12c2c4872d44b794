// For every row of a set its nearest other rows, exact, nearest first; equal keys in order of the row. All rows outside
// a list come after its last entry in that order. Built once; an edit of votes is then a walk along the lists.
//
// 8 bytes an entry: the row (31 bits) with a mark for "same canonical key as the entry before", and the canonical score
// rounded to float. Comparisons that the rounding leaves open are decided by the canonical score.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/neighbors/embedding_set.h"
#include "core/session/list_storage.h"
#include "core/session/tail_scores.h"

namespace nearvote {

class NeighborLists {
 public:
  // Entries a row: as many as make lists of about 256 MiB, at least 64 and at most 256.
  static int64_t default_length(int64_t rows);

  // length >= 1. Throws Cancelled when the job is.
  NeighborLists(const EmbeddingSet& set, int64_t length, const RunOptions& options = {});

  // Empty lists, to be filled by a reader.
  NeighborLists(int64_t rows, int64_t length);

  // The lists of `set`, which is the rows of `old` and those that `tail` has scores of: searches only what involves
  // the rows that came. Lists that stay as they are are shared with `old`.
  NeighborLists(const EmbeddingSet& set, const TailScores& tail, const NeighborLists& old, const RunOptions& options);

  NeighborLists(NeighborLists&&) = default;
  NeighborLists& operator=(NeighborLists&&) = delete;
  ~NeighborLists();

  int64_t rows() const { return static_cast<int64_t>(counts_.size()); }
  int64_t length() const { return stride_ - 1; }
  int64_t bytes() const { return storage_->bytes() + rows() * 12; }

  int64_t count(int64_t row) const { return counts_[static_cast<size_t>(row)]; }
  bool complete(int64_t row) const { return count(row) == rows() - 1; }  // holds every other row
  const uint32_t* entries(int64_t row) const { return block(row).entries + place(row); }
  const float* scores(int64_t row) const { return block(row).scores + place(row); }
  uint32_t* entries(int64_t row) { return block(row).entries + place(row); }
  float* scores(int64_t row) { return block(row).scores + place(row); }
  // Asks for the beginning of a list that is read soon.
  void prefetch(int64_t row) const {
    __builtin_prefetch(entries(row));
    __builtin_prefetch(entries(row) + 16);
    __builtin_prefetch(scores(row));
  }
  // The list is written: this many entries.
  void close(int64_t row, int64_t count) {
    counts_[static_cast<size_t>(row)] = static_cast<int32_t>(count);
    last_[static_cast<size_t>(row)] = count == 0 ? 0 : scores(row)[count - 1];
  }
  float last_score(int64_t row) const { return last_[static_cast<size_t>(row)]; }  // of a list with entries
  // Both show the same memory: neither changed since they were one.
  bool same_list(const NeighborLists& other, int64_t row) const {
    return storage_ == other.storage_ && slots_[static_cast<size_t>(row)] == other.slots_[static_cast<size_t>(row)];
  }

  static constexpr uint32_t kTieBit = uint32_t{1} << 31;
  static int32_t row_of(uint32_t entry) { return static_cast<int32_t>(entry & ~kTieBit); }
  static bool ties_with_previous(uint32_t entry) { return (entry & kTieBit) != 0; }

 private:
  const ListStorage::Block& block(int64_t row) const {
    return blocks_[static_cast<size_t>(slots_[static_cast<size_t>(row)] / ListStorage::kBlockSlots)];
  }
  int64_t place(int64_t row) const { return slots_[static_cast<size_t>(row)] % ListStorage::kBlockSlots * stride_; }

  // The same lists in the same memory, and more to come: rows in all.
  NeighborLists(const NeighborLists& old, int64_t rows);
  void finish(const EmbeddingSet& set, int64_t row, int64_t all);
  void mark_ties(const EmbeddingSet& set, int64_t row);
  struct Incoming;
  void merge(const EmbeddingSet& set, const NeighborLists& old, int64_t row, const Incoming* incoming, int64_t items);
  void search(const EmbeddingSet& set, const TailScores& tail, int64_t at);

  int64_t stride_;
  std::shared_ptr<ListStorage> storage_;
  std::vector<ListStorage::Block> blocks_;
  std::vector<int32_t> slots_;   // per row
  std::vector<int32_t> counts_;  // per row
  std::vector<float> last_;      // per row: what asks every row for its last score finds them side by side
};

}  // namespace nearvote

// For every row of a set its nearest other rows, exact, nearest first; equal keys in order of the row. All rows outside
// a list come after its last entry in that order. Built once; an edit of votes is then a walk along the lists.
//
// 8 bytes an entry: the row (31 bits) with a mark for "same canonical key as the entry before", and the canonical score
// rounded to float. Comparisons that the rounding leaves open are decided by the canonical score.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/embedding_set.h"

namespace nearvote {

class NeighborLists {
 public:
  // Entries a row: as many as make lists of about 256 MiB, at least 64 and at most 256.
  static int64_t default_length(int64_t rows);

  // length >= 1. Throws Cancelled when the job is.
  NeighborLists(const EmbeddingSet& set, int64_t length, const RunOptions& options = {});

  // Empty lists, to be filled by a reader.
  NeighborLists(int64_t rows, int64_t length);

  // The lists of `set`, which is the rows of `old` and then `tail`: searches only what involves the rows that came.
  // changed: per row of `set`, 1 where the list is not as it was.
  NeighborLists(const EmbeddingSet& set, const EmbeddingSet& tail, const NeighborLists& old,
                std::vector<uint8_t>& changed, const RunOptions& options = {});

  int64_t rows() const { return rows_; }
  int64_t length() const { return stride_ - 1; }
  int64_t bytes() const { return entries_.bytes() + scores_.bytes() + counts_.bytes(); }

  int64_t count(int64_t row) const { return counts_[row]; }
  bool complete(int64_t row) const { return counts_[row] == rows_ - 1; }  // holds every other row
  const uint32_t* entries(int64_t row) const { return entries_.data() + row * stride_; }
  const float* scores(int64_t row) const { return scores_.data() + row * stride_; }
  uint32_t* entries(int64_t row) { return entries_.data() + row * stride_; }
  float* scores(int64_t row) { return scores_.data() + row * stride_; }
  void set_count(int64_t row, int32_t count) { counts_[row] = count; }

  static constexpr uint32_t kTieBit = uint32_t{1} << 31;
  static int32_t row_of(uint32_t entry) { return static_cast<int32_t>(entry & ~kTieBit); }
  static bool ties_with_previous(uint32_t entry) { return (entry & kTieBit) != 0; }

 private:
  void finish(const EmbeddingSet& set, int64_t row);
  void mark_ties(const EmbeddingSet& set, int64_t row);
  struct Incoming;
  bool merge(const EmbeddingSet& set, int64_t row, std::vector<Incoming>& incoming, bool complete);

  int64_t rows_;
  int64_t stride_;
  AlignedBuffer<uint32_t> entries_;
  AlignedBuffer<float> scores_;
  AlignedBuffer<int32_t> counts_;
};

}  // namespace nearvote

// Canonical keys of the candidates of many rows of one set at a time. Near rows have many candidates in common: each is
// read from memory once and meets all who ask for it, which is several times faster than row by row. The key of two
// rows is the same whichever of them asks.
#pragma once

#include <vector>

#include "core/neighbors/canonical_row.h"

namespace nearvote {

// Scratch of one thread: 4 bytes per row of the set, and some for each pair.
class BlockKeys {
 public:
  explicit BlockKeys(const EmbeddingSet& set);

  void clear();
  // The candidates of one row.
  void add(int32_t row, const int32_t* candidates, int64_t count);
  // One key per candidate, in the order added. Valid until clear().
  const double* compute();

 private:
  CanonicalRow canonical_;
  std::vector<int32_t> askers_;    // per candidate: the row that asks,
  std::vector<int32_t> places_;    // its place among the distinct ones,
  std::vector<double> keys_;       // and its key
  std::vector<int32_t> distinct_;  // candidates
  std::vector<int32_t> place_of_;  // per row of the set; means something where distinct_ agrees
  std::vector<int64_t> begins_;    // per distinct candidate, and the end: where in by_place_ those who ask stand
  std::vector<int32_t> by_place_;  // positions in the order added
  std::vector<int32_t> rows_asking_;
  std::vector<double> some_keys_;
};

}  // namespace nearvote

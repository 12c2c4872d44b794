// What a cell of a column (a row and a labelling function that abstains on it) can learn from the row's list.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/session/lf_column.h"
#include "core/session/threshold_test.h"
#include "core/session/voter_lookup.h"

namespace nearvote {

// The rows whose votes count, as a bit set: those with a vote and, under cosine, a direction.
class Voters {
 public:
  Voters(const EmbeddingSet& set, const DirectVotes& direct);

  bool operator()(int64_t row) const { return (bits_[static_cast<size_t>(row / 64)] >> (row % 64) & 1) != 0; }
  std::vector<int32_t> rows() const;  // ascending

 private:
  std::vector<uint64_t> bits_;
};

struct Cell {
  int32_t nearest;  // as LfColumn::nearest
  float score;
};

class CellReader {
 public:
  // threshold: voters outside it do not matter. All arguments outlive this.
  CellReader(const EmbeddingSet& set, const NeighborLists& lists, const int8_t* votes, const Voters& voters,
             double threshold);

  double key(int64_t row, int64_t other) const;
  // other, at this rounded score, is strictly inside the threshold.
  bool inside(int64_t row, int64_t other, float score) const;
  // Nothing if the list cannot tell.
  std::optional<Cell> read(int64_t row) const;
  // The list's last entry is outside the threshold, or no row is outside the list: no row is near but those in it.
  bool list_rules_out(int64_t row) const;

 private:
  const EmbeddingSet& set_;
  const NeighborLists& lists_;
  const int8_t* votes_;
  const Voters& voters_;
  double threshold_;
  ThresholdTest test_;
};

// The cell of a search's result. threshold: a winner outside it was only ruled out from being inside: on the threshold
// itself other voters may be as near.
Cell cell_of(const NearestVoter& best, Metric metric, std::optional<double> threshold);

// A key at or below that of every voter strictly inside the threshold.
double key_of_threshold(Metric metric, double threshold);

}  // namespace nearvote

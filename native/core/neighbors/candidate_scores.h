// From the candidates that a filter could not tell apart to the nearest voters of one query.
#pragma once

#include <limits>
#include <vector>

#include "core/base/matrix.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/filter.h"

namespace nearvote {

struct Winner {
  double key = -std::numeric_limits<double>::infinity();
  int32_t row = -1;        // support row; -1: no voter (within the threshold)
  bool contested = false;  // CellsPer::lf only: voters of different classes share the winning key

  // Takes the nearer of the two; equal keys keep the lower row and remember whether the classes differ.
  void merge(const Winner& other, VoteMatrix votes, int64_t lf);
};

// Scratch of one thread.
class CandidateScores {
 public:
  // cells_per_lf: 1, or one per class. All arguments outlive this.
  CandidateScores(const EmbeddingSet& queries, const FilterSupport& support, VoteMatrix support_votes,
                  int64_t cells_per_lf);

  // Merges the candidates of one query (its place among `queries`) into its winners (per cell). One canonical score per
  // distinct row; where candidates abound, only where it can matter: first those that set the bounds, then those that
  // could still beat or tie the winner found so far. The candidates of a block of support rows stand together. bound:
  // of the query's group, [cell][lane].
  void decide(const QueryTerms& queries, int64_t query, const simd::Candidate* candidates, int64_t count,
              const float* bound, Winner* winners);

 private:
  template <class Wanted>
  void score(const simd::Candidate* candidates, int64_t count, Winner* winners, Wanted&& wanted);
  void list_rows(const simd::Candidate* candidates, int64_t count);
  void merge_known(const simd::Candidate* candidates, int64_t count, Winner* winners) const;

  // In place of a key: larger than any.
  static constexpr double kUnknown = std::numeric_limits<double>::infinity();
  static constexpr double kAskedFor = std::numeric_limits<double>::max();

  struct Seen {
    int64_t stamp = 0;
    int32_t place = 0;
  };

  const FilterSupport& support_;
  VoteMatrix votes_;
  int64_t cells_per_lf_;
  CanonicalRow canonical_;
  std::vector<int32_t> rows_;   // of the query: its distinct candidate rows,
  std::vector<double> keys_;    // their keys,
  std::vector<int32_t> place_;  // and per candidate its place among them
  std::vector<int32_t> wanted_rows_;
  std::vector<int32_t> wanted_places_;
  std::vector<double> wanted_keys_;
  Seen seen_[simd::kBlockRows];
  int64_t stamp_ = 0;
};

}  // namespace nearvote

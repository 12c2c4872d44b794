// For every abstaining cell (query row, LF) and every class: the nearest support row with that vote. The expensive part
// of an extension, computed once; extend() then applies any thresholds without another product and gives the same bits
// as extend_votes.
#pragma once

#include <vector>

#include "core/neighbors/extend.h"

namespace nearvote {

class NearestVoters {
 public:
  // Shapes, errors and zero rows as for extend_votes.
  NearestVoters(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                VoteMatrix support_votes, const VoteDomain& domain, const RunOptions& options = {});

  int64_t rows() const { return rows_; }
  int64_t lfs() const { return lfs_; }
  int classes() const { return domain_.classes; }
  Metric metric() const { return metric_; }
  int64_t bytes() const;  // memory held: about 12 bytes per abstaining cell and class

  struct Nearest {
    int32_t row;   // support row, -1: the class has no voter (or the cell is a direct vote, or the query a zero row)
    double score;  // similarity or true distance; none: -inf for cosine and dot, +inf for l2
  };
  Nearest nearest(int64_t row, int64_t lf, int class_index) const;

  // thresholds: m. votes, neighbors, scores: n x m as in extend_votes; the latter two may be null.
  void extend(const double* thresholds, int8_t* votes, int32_t* neighbors, float* scores) const;

 private:
  int64_t rows_;
  int64_t lfs_;
  VoteDomain domain_;
  Metric metric_;
  std::vector<int8_t> votes_;         // n x m: the query votes
  std::vector<int64_t> first_cell_;   // n + 1: where a row's abstaining cells start, in LF order
  std::vector<int32_t> nearest_row_;  // abstaining cells x classes
  std::vector<double> nearest_key_;   // the same shape: canonical keys, -inf where there is none
};

}  // namespace nearvote

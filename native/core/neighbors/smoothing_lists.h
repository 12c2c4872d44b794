// Neighbour lists as rounds of smoothing read them: k rows and weights a row, with what the weights add up to.
#pragma once

#include <cstdint>
#include <vector>

#include "core/neighbors/knn_posterior.h"

namespace nearvote {

class SmoothingLists {
 public:
  // Lists of no rows; `room`: rows that fit without moving.
  SmoothingLists(int64_t k, int64_t room);
  // Copies of lists of rows among themselves.
  SmoothingLists(const WeightedLists& lists, int threads);

  int64_t rows() const { return static_cast<int64_t>(sums_.size()); }
  int64_t k() const { return k_; }
  // Entries that are none have index 0 and weight 0.
  const int32_t* indices(int64_t row) const { return indices_.data() + row * k_; }
  const float* weights(int64_t row) const { return weights_.data() + row * k_; }

  // Sums over a row's entries in their order.
  struct Sums {
    double weight = 0, squares = 0;
  };
  const Sums& sums(int64_t row) const { return sums_[static_cast<size_t>(row)]; }

  int64_t bytes() const;

  void resize(int64_t rows);
  // indices: k, -1: none; weights: k, >= 0. Different rows may be set by different threads.
  void set(int64_t row, const int32_t* indices, const float* weights);

 private:
  int64_t k_;
  std::vector<int32_t> indices_;
  std::vector<float> weights_;
  std::vector<Sums> sums_;
};

// Sums over the neighbours of a row of `columns` columns of `states` (n x columns), in the order of its list.
void sum_row(const SmoothingLists& lists, const double* states, int64_t columns, int64_t row, double* sums);

// The same for one column of rows first .. end - 1, at most four, side by side: a row's additions wait for each other.
// sums has room for four.
void sum_four(const SmoothingLists& lists, const double* states, int64_t first, int64_t end, double* sums);

// The same for pairs of a number that weights are multiplied by (0 or 1) and a state that is 0 where that is: per row
// the weights, their squares and the weighted states.
void sum_four_counted(const SmoothingLists& lists, const double* pairs, int64_t first, int64_t end, double* sums);

}  // namespace nearvote

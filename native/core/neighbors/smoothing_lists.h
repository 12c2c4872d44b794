// Neighbour lists as rounds of smoothing read them: k rows and weights a row, with what the weights add up to. Panels
// of sixteen rows lie entry by entry, so that the rows of a panel are summed side by side (simd/kernels.h).
#pragma once

#include <cstdint>

#include "core/base/aligned.h"
#include "core/neighbors/knn_posterior.h"
#include "core/simd/kernels.h"

namespace nearvote {

class SmoothingLists {
 public:
  // Lists of no rows; `room`: the most rows there can be.
  SmoothingLists(int64_t k, int64_t room);
  // Copies of lists of rows among themselves.
  SmoothingLists(const WeightedLists& lists, int threads);

  int64_t rows() const { return rows_; }
  int64_t panels() const { return panels_of(rows_); }
  int64_t k() const { return k_; }

  static int64_t panels_of(int64_t rows) { return (rows + simd::kLanes - 1) / simd::kLanes; }

  // k x kLanes of a panel. Entries that are none, and rows beyond rows(), have index 0 and weight 0.
  const int32_t* indices(int64_t panel) const { return indices_.data() + panel * k_ * simd::kLanes; }
  const float* weights(int64_t panel) const { return weights_.data() + panel * k_ * simd::kLanes; }
  // Of one row: kLanes apart.
  const int32_t* row_indices(int64_t row) const { return indices(row / simd::kLanes) + row % simd::kLanes; }
  const float* row_weights(int64_t row) const { return weights(row / simd::kLanes) + row % simd::kLanes; }

  // Sums over a row's entries in their order, kLanes weights and then kLanes squares of weights a panel.
  const double* sums(int64_t panel) const { return sums_.data() + panel * 2 * simd::kLanes; }
  double row_weight(int64_t row) const { return sums(row / simd::kLanes)[row % simd::kLanes]; }
  double row_squares(int64_t row) const { return sums(row / simd::kLanes)[simd::kLanes + row % simd::kLanes]; }

  int64_t bytes() const;

  // Rows that come with this have to be set.
  void resize(int64_t rows);
  // indices: k, -1: none; weights: k, >= 0. Different rows may be set by different threads.
  void set(int64_t row, const int32_t* indices, const float* weights);

 private:
  int64_t k_;
  int64_t rows_ = 0;
  AlignedBuffer<int32_t> indices_;
  AlignedBuffer<float> weights_;
  AlignedBuffer<double> sums_;
};

// Sums over the neighbours of a row of `columns` columns of `states` (n x columns), in the order of its list.
void sum_row(const SmoothingLists& lists, const double* states, int64_t columns, int64_t row, double* sums);

}  // namespace nearvote

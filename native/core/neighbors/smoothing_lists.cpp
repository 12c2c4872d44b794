#include "core/neighbors/smoothing_lists.h"

#include <algorithm>
#include <vector>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;

}  // namespace

SmoothingLists::SmoothingLists(int64_t k, int64_t room)
    : k_(k),
      indices_(panels_of(room) * simd::kLanes * k),
      weights_(indices_.size()),
      sums_(panels_of(room) * simd::kLanes * 2) {}

SmoothingLists::SmoothingLists(const WeightedLists& lists, int threads) : SmoothingLists(lists.k, lists.rows) {
  resize(lists.rows);
  const int64_t tasks = (lists.rows + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(lists.rows, (task + 1) * kRowsPerTask); ++row)
      set(row, lists.indices + row * k_, lists.weights + row * k_);
  });
}

int64_t SmoothingLists::bytes() const { return indices_.bytes() + weights_.bytes() + sums_.bytes(); }

void SmoothingLists::resize(int64_t rows) {
  rows_ = rows;
  // What rows beyond these may have left in the last panel.
  const std::vector<int32_t> none(static_cast<size_t>(k_), -1);
  const std::vector<float> nothing(none.size());
  for (int64_t row = rows; row < panels() * simd::kLanes; ++row) set(row, none.data(), nothing.data());
}

void SmoothingLists::set(int64_t row, const int32_t* indices, const float* weights) {
  const int64_t panel = row / simd::kLanes, lane = row % simd::kLanes;
  int32_t* index = indices_.data() + panel * k_ * simd::kLanes + lane;
  float* weight = weights_.data() + panel * k_ * simd::kLanes + lane;
  double* sums = sums_.data() + panel * 2 * simd::kLanes + lane;
  sums[0] = sums[simd::kLanes] = 0;
  for (int64_t j = 0; j < k_; ++j) {
    const bool none = indices[j] < 0;
    const double w = none ? 0.0f : weights[j];
    index[j * simd::kLanes] = none ? 0 : indices[j];
    weight[j * simd::kLanes] = static_cast<float>(w);
    sums[0] += w;
    sums[simd::kLanes] += w * w;
  }
}

void sum_row(const SmoothingLists& lists, const double* states, int64_t columns, int64_t row, double* sums) {
  constexpr int64_t kTogether = 4;
  const int32_t* index = lists.row_indices(row);
  const float* weight = lists.row_weights(row);
  for (int64_t first = 0; first < columns; first += kTogether) {
    const int64_t count = std::min(kTogether, columns - first);
    double sum[kTogether] = {};
    for (int64_t j = 0; j < lists.k() * simd::kLanes; j += simd::kLanes) {
      const double* state = states + index[j] * columns + first;
      for (int64_t y = 0; y < count; ++y) sum[y] += weight[j] * state[y];
    }
    std::copy_n(sum, count, sums + first);
  }
}

}  // namespace nearvote

#include "core/neighbors/smoothing_lists.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;

}  // namespace

SmoothingLists::SmoothingLists(int64_t k, int64_t room) : k_(k) {
  indices_.reserve(static_cast<size_t>(room * k));
  weights_.reserve(static_cast<size_t>(room * k));
  sums_.reserve(static_cast<size_t>(room));
}

SmoothingLists::SmoothingLists(const WeightedLists& lists, int threads) : k_(lists.k) {
  resize(lists.rows);
  const int64_t tasks = (lists.rows + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(lists.rows, (task + 1) * kRowsPerTask); ++row)
      set(row, lists.indices + row * k_, lists.weights + row * k_);
  });
}

int64_t SmoothingLists::bytes() const {
  return static_cast<int64_t>(indices_.capacity() * sizeof(int32_t) + weights_.capacity() * sizeof(float) +
                              sums_.capacity() * sizeof(Sums));
}

void SmoothingLists::resize(int64_t rows) {
  indices_.resize(static_cast<size_t>(rows * k_));
  weights_.resize(static_cast<size_t>(rows * k_));
  sums_.resize(static_cast<size_t>(rows));
}

void SmoothingLists::set(int64_t row, const int32_t* indices, const float* weights) {
  Sums sums;
  for (int64_t j = 0; j < k_; ++j) {
    const bool none = indices[j] < 0;
    const float weight = none ? 0.0f : weights[j];
    indices_[static_cast<size_t>(row * k_ + j)] = none ? 0 : indices[j];
    weights_[static_cast<size_t>(row * k_ + j)] = weight;
    const double w = weight;
    sums.weight += w;
    sums.squares += w * w;
  }
  sums_[static_cast<size_t>(row)] = sums;
}

void sum_row(const SmoothingLists& lists, const double* states, int64_t columns, int64_t row, double* sums) {
  constexpr int64_t kTogether = 4;
  const int32_t* index = lists.indices(row);
  const float* weight = lists.weights(row);
  for (int64_t first = 0; first < columns; first += kTogether) {
    const int64_t count = std::min(kTogether, columns - first);
    double sum[kTogether] = {};
    for (int64_t j = 0; j < lists.k(); ++j) {
      const double* state = states + index[j] * columns + first;
      for (int64_t y = 0; y < count; ++y) sum[y] += weight[j] * state[y];
    }
    std::copy_n(sum, count, sums + first);
  }
}

void sum_four(const SmoothingLists& lists, const double* states, int64_t first, int64_t end, double* sums) {
  const int32_t* index[4];
  const float* weight[4];
  double sum[4] = {};
  for (int64_t r = 0; r < 4; ++r) {
    index[r] = lists.indices(std::min(first + r, end - 1));
    weight[r] = lists.weights(std::min(first + r, end - 1));
  }
  for (int64_t j = 0; j < lists.k(); ++j)
    for (int r = 0; r < 4; ++r) sum[r] += weight[r][j] * states[index[r][j]];
  std::copy_n(sum, 4, sums);
}

void sum_four_counted(const SmoothingLists& lists, const double* pairs, int64_t first, int64_t end, double* sums) {
  const int32_t* index[4];
  const float* weight[4];
  double sum[4][3] = {};
  for (int64_t r = 0; r < 4; ++r) {
    index[r] = lists.indices(std::min(first + r, end - 1));
    weight[r] = lists.weights(std::min(first + r, end - 1));
  }
  for (int64_t j = 0; j < lists.k(); ++j) {
    for (int r = 0; r < 4; ++r) {
      const double* pair = pairs + int64_t{2} * index[r][j];
      const double counts = weight[r][j] * pair[0];
      sum[r][0] += counts;
      sum[r][1] += counts * counts;
      sum[r][2] += weight[r][j] * pair[1];
    }
  }
  std::copy_n(sum[0], 12, sums);
}

}  // namespace nearvote

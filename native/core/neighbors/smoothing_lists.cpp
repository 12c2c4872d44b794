#include "core/neighbors/smoothing_lists.h"

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

}  // namespace nearvote

#include "core/neighbors/knn_posterior.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kBlock = 256;

// Calls body(first, end) for blocks of rows.
template <class Body>
void for_blocks(int64_t rows, int threads, const JobControl& job, Body&& body) {
  const int64_t blocks = (rows + kBlock - 1) / kBlock;
  parallel_for(blocks, effective_threads(threads, blocks), [&](int64_t block, int) {
    job.check();
    body(block * kBlock, std::min(rows, (block + 1) * kBlock));
  });
}

// Mean state of the rows that count, one pseudo-row spread over the classes so that none is impossible.
void update_mean(Beliefs& beliefs, int64_t classes) {
  beliefs.mean.assign(static_cast<size_t>(classes), 1.0 / static_cast<double>(classes));
  double total = 1;
  for (size_t i = 0; i < beliefs.weight.size(); ++i) {
    if (beliefs.weight[i] <= 0) continue;
    total += 1;
    for (int64_t y = 0; y < classes; ++y) {
      beliefs.mean[static_cast<size_t>(y)] += beliefs.state[i * static_cast<size_t>(classes) + static_cast<size_t>(y)];
    }
  }
  for (double& value : beliefs.mean) value /= total;
}

}  // namespace

void neighbor_weights(Metric metric, const int32_t* indices, float* scores, int64_t rows, int64_t k, int threads) {
  for_blocks(rows, threads, {}, [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      const int32_t* index = indices + i * k;
      float* score = scores + i * k;
      double scale = 0;
      int64_t found = 0;
      for (int64_t j = 0; j < k; ++j) {
        if (index[j] < 0) continue;
        ++found;
        scale = metric == Metric::l2 ? scale + score[j] : std::max(scale, static_cast<double>(score[j]));
      }
      if (metric == Metric::l2 && found > 0) scale /= static_cast<double>(found);
      for (int64_t j = 0; j < k; ++j) {
        const double ratio = scale > 0 ? score[j] / scale : 0;
        const double square = ratio * ratio;
        const double weight = metric == Metric::l2 ? 1 / (1 + square) : ratio > 0 ? square * square : 0;
        score[j] = index[j] < 0 ? 0.0f : static_cast<float>(weight);
      }
    }
  });
}

namespace {

// Weighted sums over one row's neighbours, in their order.
struct Sums {
  double weight = 0, squares = 0;
};

// The posterior of one row, from its neighbours' sums; row: K sums of states on entry.
void finish_row(const Beliefs& beliefs, const Sums& sums, const double* own, int64_t classes, double* row) {
  const double effective = sums.squares > 0 ? sums.weight * sums.weight / sums.squares : 0;
  const double scale = sums.weight > 0 ? effective / sums.weight : 0;
  double total = 0;
  for (int64_t y = 0; y < classes; ++y) {
    const double mean = beliefs.mean[static_cast<size_t>(y)];
    row[y] = own[y] * (scale * row[y] + mean) / ((effective + 1) * mean);
    total += row[y];
  }
  for (int64_t y = 0; y < classes; ++y) row[y] /= total;
}

// Rows first .. first + 3 (fewer behind `end`: the last one again) of two classes, side by side: each row's additions
// wait for each other. A neighbour that does not count adds zeros, which change no bit.
void four_rows(const WeightedLists& lists, const Beliefs& beliefs, const double* own, int64_t first, int64_t end,
               double* out) {
  constexpr int kRows = 4;
  const int32_t* index[kRows];
  const float* weights[kRows];
  Sums sums[kRows];
  double state[kRows][2] = {};
  for (int r = 0; r < kRows; ++r) {
    const int64_t row = std::min(first + r, end - 1);
    index[r] = lists.indices + row * lists.k;
    weights[r] = lists.weights + row * lists.k;
  }
  for (int64_t j = 0; j < lists.k; ++j) {
    for (int r = 0; r < kRows; ++r) {
      const int32_t neighbor = std::max(index[r][j], 0);
      const double weight = index[r][j] < 0 ? 0.0 : weights[r][j] * beliefs.weight[static_cast<size_t>(neighbor)];
      const double* from = beliefs.state.data() + int64_t{2} * neighbor;
      sums[r].weight += weight;
      sums[r].squares += weight * weight;
      state[r][0] += weight * from[0];
      state[r][1] += weight * from[1];
    }
  }
  for (int64_t row = first; row < std::min(first + kRows, end); ++row) {
    std::copy_n(state[row - first], 2, out + 2 * row);
    finish_row(beliefs, sums[row - first], own + 2 * row, 2, out + 2 * row);
  }
}

}  // namespace

void smooth_round(const WeightedLists& lists, const Beliefs& beliefs, const double* own, int64_t classes, double* out,
                  int threads, const JobControl& job) {
  for_blocks(lists.rows, threads, job, [&](int64_t first, int64_t end) {
    if (classes == 2 && !beliefs.state.empty()) {
      for (int64_t row = first; row < end; row += 4) four_rows(lists, beliefs, own, row, end, out);
      return;
    }
    for (int64_t i = first; i < end; ++i) {
      double* row = out + i * classes;
      std::fill_n(row, classes, 0.0);
      Sums sums;
      for (int64_t j = i * lists.k; j < (i + 1) * lists.k; ++j) {
        const int32_t neighbor = lists.indices[j];
        if (neighbor < 0) continue;
        const double weight = lists.weights[j] * beliefs.weight[static_cast<size_t>(neighbor)];
        if (weight <= 0) continue;
        sums.weight += weight;
        sums.squares += weight * weight;
        const double* state = beliefs.state.data() + neighbor * classes;
        for (int64_t y = 0; y < classes; ++y) row[y] += weight * state[y];
      }
      finish_row(beliefs, sums, own + i * classes, classes, row);
    }
  });
}

Beliefs propagate(const WeightedLists& lists, const double* proba, const int32_t* counts, const int32_t* gold,
                  const double* own, int64_t classes, double gold_weight, int rounds, int threads,
                  const JobControl& job) {
  const auto rows = static_cast<size_t>(lists.rows);
  const auto stride = static_cast<size_t>(classes);
  Beliefs beliefs;
  beliefs.state.assign(proba, proba + rows * stride);
  beliefs.weight.resize(rows);
  for (size_t i = 0; i < rows; ++i) beliefs.weight[i] = counts[i] != 0 ? 1 : 0;
  const auto clamp = [&](std::vector<double>& state) {
    for (size_t i = 0; i < rows; ++i) {
      if (gold[i] < 0) continue;
      std::fill_n(state.begin() + static_cast<std::ptrdiff_t>(i * stride), classes, 0.0);
      state[i * stride + static_cast<size_t>(gold[i])] = 1;
      beliefs.weight[i] = gold_weight;
    }
  };
  clamp(beliefs.state);
  update_mean(beliefs, classes);
  std::vector<double> next(rows * stride);
  for (int round = 0; round < rounds; ++round) {
    smooth_round(lists, beliefs, own, classes, next.data(), threads, job);
    std::fill(beliefs.weight.begin(), beliefs.weight.end(), 1.0);
    clamp(next);
    beliefs.state.swap(next);
    update_mean(beliefs, classes);
    job.report(round + 1, rounds);
  }
  return beliefs;
}

}  // namespace nearvote

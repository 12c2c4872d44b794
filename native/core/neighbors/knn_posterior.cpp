#include "core/neighbors/knn_posterior.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kBlock = 256;
constexpr double kSmallestOwn = 1e-6;

// Calls body(first, end) for blocks of rows.
template <class Body>
void for_blocks(int64_t rows, int threads, const JobControl& job, Body&& body) {
  const int64_t blocks = (rows + kBlock - 1) / kBlock;
  parallel_for(blocks, effective_threads(threads, blocks), [&](int64_t block, int) {
    job.check();
    body(block * kBlock, std::min(rows, (block + 1) * kBlock));
  });
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

std::vector<double> own_factor(const double* proba, const int32_t* counts, const std::vector<double>& balance,
                               double own_weight, int64_t rows, int threads) {
  const auto classes = static_cast<int64_t>(balance.size());
  const int32_t most = rows > 0 ? std::max(1, *std::max_element(counts, counts + rows)) : 1;
  std::vector<double> power(static_cast<size_t>(most) + 1);  // of every number of votes
  for (size_t count = 1; count < power.size(); ++count)
    power[count] = own_weight / std::sqrt(static_cast<double>(count));
  std::vector<double> start(power.size() * balance.size());  // what does not depend on the posterior
  for (size_t count = 1; count < power.size(); ++count)
    for (size_t y = 0; y < balance.size(); ++y)
      start[count * balance.size() + y] = std::pow(balance[y], 1 - power[count]);
  std::vector<double> factor(static_cast<size_t>(rows * classes));
  for_blocks(rows, threads, {}, [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      const auto count = static_cast<size_t>(std::max(1, counts[i]));
      for (int64_t y = 0; y < classes; ++y) {
        const double p = std::max(proba[i * classes + y], kSmallestOwn);
        factor[static_cast<size_t>(i * classes + y)] =
            start[count * balance.size() + static_cast<size_t>(y)] * std::pow(p, power[count]);
      }
    }
  });
  return factor;
}

void own_evidence(const double* proba, const int32_t* counts, const std::vector<double>& balance, int64_t rows,
                  double* out, int threads) {
  const double prior = balance[0] / balance[1];
  for_blocks(rows, threads, {}, [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      const double odds = std::max(proba[2 * i + 1], kSmallestOwn) / std::max(proba[2 * i], kSmallestOwn);
      out[i] = std::log(odds * prior) / std::sqrt(static_cast<double>(std::max(1, counts[i])));
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

}  // namespace

void smooth_round(const WeightedLists& lists, const Beliefs& beliefs, const double* own, int64_t classes, double* out,
                  int threads, const JobControl& job) {
  for_blocks(lists.rows, threads, job, [&](int64_t first, int64_t end) {
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

}  // namespace nearvote

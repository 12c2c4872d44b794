#include "core/label_model/triplets.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

// Estimates of b_i^2 from all valid pairs (j, k), with inverse-variance weights if wanted.
void collect(const PairMoments& moments, int64_t i, bool weigh, std::vector<double>& squares,
             std::vector<double>& weights) {
  squares.clear();
  weights.clear();
  for (int64_t j = 0; j < moments.lfs; ++j) {
    if (j == i || std::isinf(moments.var(i, j))) continue;
    for (int64_t k = 0; k < j; ++k) {
      if (k == i || std::isinf(moments.var(i, k))) continue;
      const double jk = moments.m(j, k);
      if (!(jk * jk > 4 * moments.var(j, k))) continue;
      const double ij = moments.m(i, j), ik = moments.m(i, k);
      const double square = ij * ik / jk;
      squares.push_back(square);
      if (!weigh) continue;
      const double variance =
          (ik * ik * moments.var(i, j) + ij * ij * moments.var(i, k) + square * square * moments.var(j, k)) / (jk * jk);
      // Both numerators near zero make the first-order variance vanish; the second-order term does not.
      weights.push_back(1 / (variance + moments.var(i, j) * moments.var(i, k) / (jk * jk)));
    }
  }
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double combine(std::vector<double>& squares, const std::vector<double>& weights, TripletRule rule) {
  double sum = 0, total = 0;
  switch (rule) {
    case TripletRule::mean:
      for (const double square : squares) sum += std::copysign(std::sqrt(std::min(std::fabs(square), 1.0)), square);
      return std::max(sum / static_cast<double>(squares.size()), 0.0);
    case TripletRule::median:
      return std::sqrt(std::max(median(squares), 0.0));
    case TripletRule::weighted:
      for (size_t t = 0; t < squares.size(); ++t) {
        sum += weights[t] * squares[t];
        total += weights[t];
      }
      return std::sqrt(std::max(sum / total, 0.0));
  }
  return 0;
}

}  // namespace

TripletEstimates solve_triplets(const PairMoments& moments, TripletRule rule, int threads, const JobControl& job) {
  TripletEstimates out;
  out.magnitude.assign(static_cast<size_t>(moments.lfs), 0.0);
  out.candidates.assign(static_cast<size_t>(moments.lfs), 0);
  const bool small = moments.lfs < 40;  // a few microseconds: no team
  parallel_for(moments.lfs, small ? 1 : effective_threads(threads, moments.lfs), [&](int64_t i, int) {
    job.check();
    std::vector<double> squares, weights;
    collect(moments, i, rule == TripletRule::weighted, squares, weights);
    out.candidates[static_cast<size_t>(i)] = static_cast<int64_t>(squares.size());
    if (!squares.empty()) out.magnitude[static_cast<size_t>(i)] = combine(squares, weights, rule);
  });
  return out;
}

}  // namespace nearvote

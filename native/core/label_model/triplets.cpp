#include "core/label_model/triplets.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace nearvote {
namespace {

// Estimates of b^2 from all valid pairs (j, k), with inverse-variance weights if wanted.
void collect(const double* row, const double* row_variance, const PairMoments& partners, int64_t own, bool weigh,
             std::vector<double>& squares, std::vector<double>& weights) {
  for (int64_t j = 0; j < partners.lfs; ++j) {
    if (j == own || std::isinf(row_variance[j])) continue;
    for (int64_t k = 0; k < j; ++k) {
      if (k == own || std::isinf(row_variance[k])) continue;
      const double jk = partners.m(j, k), jk_variance = partners.var(j, k);
      if (!(jk * jk > 4 * jk_variance)) continue;
      const double ij = row[j], ik = row[k];
      const double square = ij * ik / jk;
      squares.push_back(square);
      if (!weigh) continue;
      // The last term is of second order; without it two numerators near zero would claim perfect precision.
      const double variance = ik * ik * row_variance[j] + ij * ij * row_variance[k] + square * square * jk_variance +
                              row_variance[j] * row_variance[k];
      weights.push_back(jk * jk / variance);
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
      for (const double square : squares) sum += std::copysign(std::sqrt(std::fabs(square)), square);
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

// Delta method: b^2 = sum_t w_t c_t / sum w, c = m_ij m_ik / m_jk, moments independent of one another.
double variance_of(const double* row, const double* row_variance, const PairMoments& partners, int64_t own,
                   const std::vector<double>& weights, double magnitude) {
  std::vector<double> slope(static_cast<size_t>(partners.lfs));
  double total = 0, variance = 0;
  size_t t = 0;
  for (int64_t j = 0; j < partners.lfs; ++j) {
    if (j == own || std::isinf(row_variance[j])) continue;
    for (int64_t k = 0; k < j; ++k) {
      if (k == own || std::isinf(row_variance[k])) continue;
      const double jk = partners.m(j, k), jk_variance = partners.var(j, k);
      if (!(jk * jk > 4 * jk_variance)) continue;
      const double w = weights.empty() ? 1.0 : weights[t++];
      total += w;
      slope[static_cast<size_t>(j)] += w * row[k] / jk;
      slope[static_cast<size_t>(k)] += w * row[j] / jk;
      const double by_partner = w * row[j] * row[k] / (jk * jk);
      variance += by_partner * by_partner * jk_variance;
    }
  }
  for (int64_t j = 0; j < partners.lfs; ++j) {
    const double s = slope[static_cast<size_t>(j)];
    if (s != 0) variance += s * s * row_variance[j];
  }
  return variance / (total * total * 4 * std::max(magnitude * magnitude, 1e-12));
}

}  // namespace

TripletEstimate solve_triplets(const double* row, const double* row_variance, const PairMoments& partners, int64_t own,
                               TripletRule rule) {
  std::vector<double> squares, weights;
  collect(row, row_variance, partners, own, rule == TripletRule::weighted, squares, weights);
  if (squares.empty()) return {};
  const auto candidates = static_cast<int64_t>(squares.size());
  const double magnitude = combine(squares, weights, rule);
  double variance = variance_of(row, row_variance, partners, own, weights, magnitude);
  if (rule == TripletRule::median) variance *= 1.57;  // efficiency of a median
  return {magnitude, candidates, variance};
}

}  // namespace nearvote

#include "core/label_model/low_rank.h"

#include <algorithm>
#include <cmath>

namespace nearvote {
namespace {

constexpr int64_t kLanes = 8;

// One direction, the case of two classes: eight partial sums, because the compiler may not reorder a plain one.
void add_scalar(const double* correlation, const double* factor, int64_t count, double own, double inverse_scale,
                double& gram, double& product, double& residual) {
  double squares[kLanes] = {}, products[kLanes] = {}, residuals[kLanes] = {};
  const auto step = [&](int64_t v, int64_t lane) {
    const double f = factor[v], e = correlation[v] - own * f;
    const double wf = f / (1 + e * e * inverse_scale);
    squares[lane] += wf * f;
    products[lane] += wf * correlation[v];
    residuals[lane] += wf * f * (e * e);
  };
  int64_t v = 0;
  for (; v + kLanes <= count; v += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) step(v + lane, lane);
  for (; v < count; ++v) step(v, v % kLanes);
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    gram += squares[lane];
    product += products[lane];
    residual += residuals[lane];
  }
}

}  // namespace

PartnerSums::PartnerSums(int rank)
    : rank_(rank), gram_(static_cast<size_t>(rank * rank)), products_(static_cast<size_t>(rank)) {}

void PartnerSums::clear() {
  std::fill(gram_.begin(), gram_.end(), 0.0);
  std::fill(products_.begin(), products_.end(), 0.0);
  residuals_ = 0;
}

void PartnerSums::add(const double* correlation, const double* factor, int64_t count, const double* own,
                      double inverse_scale) {
  if (rank_ == 1) {
    add_scalar(correlation, factor, count, own[0], inverse_scale, gram_[0], products_[0], residuals_);
    return;
  }
  for (int64_t v = 0; v < count; ++v) {
    const double* g = factor + v * rank_;
    double e = correlation[v], square = 0;
    for (int k = 0; k < rank_; ++k) {
      e -= own[k] * g[k];
      square += g[k] * g[k];
    }
    const double w = 1 / (1 + e * e * inverse_scale);
    residuals_ += w * square * e * e;
    for (int a = 0; a < rank_; ++a) {
      const double wg = w * g[a];
      products_[static_cast<size_t>(a)] += wg * correlation[v];
      for (int b = a; b < rank_; ++b) gram_[static_cast<size_t>(a * rank_ + b)] += wg * g[b];
    }
  }
}

double PartnerSums::trace() const {
  double sum = 0;
  for (int k = 0; k < rank_; ++k) sum += gram_[static_cast<size_t>(k * rank_ + k)];
  return sum;
}

double PartnerSums::mean_square() const {
  const double total = trace();
  return total > 0 ? residuals_ / total : 0;
}

void PartnerSums::solve(const double* prior, double ridge, double* out) const {
  // Cholesky of gram + ridge I, in place of a copy; positive definite because ridge > 0.
  std::vector<double> l = gram_;
  const auto at = [&](int a, int b) -> double& { return l[static_cast<size_t>(b * rank_ + a)]; };  // a >= b
  for (int a = 0; a < rank_; ++a) out[a] = products_[static_cast<size_t>(a)] + ridge * prior[a];
  for (int b = 0; b < rank_; ++b) {
    double pivot = at(b, b) + ridge;
    for (int k = 0; k < b; ++k) pivot -= at(b, k) * at(b, k);
    at(b, b) = std::sqrt(std::max(pivot, 1e-300));
    for (int a = b + 1; a < rank_; ++a) {
      double value = at(a, b);
      for (int k = 0; k < b; ++k) value -= at(a, k) * at(b, k);
      at(a, b) = value / at(b, b);
    }
  }
  for (int a = 0; a < rank_; ++a) {
    for (int k = 0; k < a; ++k) out[a] -= at(a, k) * out[k];
    out[a] /= at(a, a);
  }
  for (int a = rank_ - 1; a >= 0; --a) {
    for (int k = a + 1; k < rank_; ++k) out[a] -= at(k, a) * out[k];
    out[a] /= at(a, a);
  }
}

}  // namespace nearvote

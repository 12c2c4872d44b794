#include "core/label_model/low_rank.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace nearvote {
namespace {

constexpr int kLanes = 4;

// One direction, the case of two classes: partial sums, because the compiler may not reorder a plain one.
template <class Weight>
void add_scalar(const double* correlation, const double* factor, int64_t count, double& gram, double& product,
                Weight&& weight) {
  double squares[kLanes] = {}, products[kLanes] = {}, weighted[kLanes];
  int64_t v = 0;
  for (; v + kLanes <= count; v += kLanes) {
    const double *r = correlation + v, *f = factor + v;
    for (int lane = 0; lane < kLanes; ++lane) weighted[lane] = weight(r[lane], f[lane]);
    for (int lane = 0; lane < kLanes; ++lane) squares[lane] += weighted[lane] * f[lane];
    for (int lane = 0; lane < kLanes; ++lane) products[lane] += weighted[lane] * r[lane];
  }
  for (int lane = 0; v < count; ++v, ++lane) {
    const double wf = weight(correlation[v], factor[v]);
    squares[lane] += wf * factor[v];
    products[lane] += wf * correlation[v];
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    gram += squares[lane];
    product += products[lane];
  }
}

}  // namespace

PartnerSums::PartnerSums(int rank)
    : rank_(rank),
      gram_(static_cast<size_t>(rank * rank)),
      products_(static_cast<size_t>(rank)),
      cholesky_(gram_.size()) {}

void PartnerSums::clear() {
  std::fill(gram_.begin(), gram_.end(), 0.0);
  std::fill(products_.begin(), products_.end(), 0.0);
}

void PartnerSums::add(const double* correlation, const double* factor, int64_t count, const double* own,
                      double inverse_scale) {
  if (rank_ == 1) {
    const double g = own[0];
    if (inverse_scale == 0) {
      add_scalar(correlation, factor, count, gram_[0], products_[0], [](double, double f) { return f; });
    } else {
      add_scalar(correlation, factor, count, gram_[0], products_[0], [=](double r, double f) {
        const double e = r - g * f;
        return f / (1 + e * e * inverse_scale);
      });
    }
    return;
  }
  for (int64_t v = 0; v < count; ++v) {
    const double* g = factor + v * rank_;
    double e = correlation[v];
    for (int k = 0; k < rank_; ++k) e -= own[k] * g[k];
    const double w = 1 / (1 + e * e * inverse_scale);
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

double PartnerSums::mean_square(double norm, double inverse_scale) const {
  const double total = trace();
  return total > 0 ? std::max(norm / total - 1, 0.0) / inverse_scale : 0;
}

void PartnerSums::solve(const double* prior, double ridge, double* out) {
  if (rank_ == 1) {
    out[0] = (products_[0] + ridge * prior[0]) / (gram_[0] + ridge);
    return;
  }
  // Cholesky of gram + ridge I; positive definite because ridge > 0.
  cholesky_ = gram_;
  const auto at = [&](int a, int b) -> double& { return cholesky_[static_cast<size_t>(b * rank_ + a)]; };  // a >= b
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

double upper_median(std::vector<double>& values, double near, std::vector<double>& scratch) {
  const size_t rank = values.size() / 2;
  // Few values lie within a twentieth of the guess: if the median does, only they need sorting out.
  const double low = near * 0.95, high = near * 1.05;
  scratch.resize(values.size() + 1);
  size_t below = 0, inside = 0;
  for (const double value : values) {
    scratch[inside] = value;
    inside += (value >= low) & (value <= high);
    below += value < low;
  }
  const bool found = below <= rank && rank < below + inside;
  const auto first = found ? scratch.begin() : values.begin();
  const auto last = found ? first + static_cast<std::ptrdiff_t>(inside) : values.end();
  const auto middle = first + static_cast<std::ptrdiff_t>(rank - (found ? below : 0));
  std::nth_element(first, middle, last);
  return *middle;
}

}  // namespace nearvote

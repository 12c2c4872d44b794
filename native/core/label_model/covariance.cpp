#include "core/label_model/covariance.h"

#include <algorithm>
#include <cmath>

#include "core/label_model/correlations.h"
#include "core/label_model/low_rank.h"
#include "core/label_model/vote_prior.h"

namespace nearvote {
namespace {

constexpr int kPlainSweeps = 10;
constexpr int kSweeps = 150;
constexpr double kTolerance = 1e-7;

// An orthonormal basis of the K - 1 directions orthogonal to sqrt(balance), K x (K - 1) row-major: g lives there
// because sum_y P(y) d_uy = 0 (Householder reflection of the last axis).
std::vector<double> class_directions(const std::vector<double>& balance) {
  const size_t classes = balance.size(), rank = classes - 1;
  std::vector<double> axis;
  for (const double p : balance) axis.push_back(std::sqrt(p));
  axis[rank] += axis[rank] >= 0 ? 1 : -1;
  double norm = 0;
  for (const double a : axis) norm += a * a;
  std::vector<double> basis(classes * rank);
  for (size_t y = 0; y < classes; ++y)
    for (size_t k = 0; k < rank; ++k) basis[y * rank + k] = (y == k ? 1.0 : 0.0) - 2 * axis[y] * axis[k] / norm;
  return basis;
}

class Solver {
 public:
  Solver(const VoteCounts& counts, const std::vector<double>& balance, bool all_positive)
      : classes_(counts.domain.classes),
        rank_(classes_ - 1),
        size_(counts.indicators()),
        sampling_(1.0 / static_cast<double>(std::max<int64_t>(counts.rows, 1))),
        balance_(balance),
        all_positive_(all_positive),
        basis_(class_directions(balance)),
        shares_(vote_shares(counts)),
        correlation_(vote_correlations(counts, shares_)),
        difference_(prior_differences(counts, shares_, balance)) {
    for (const int64_t count : counts.overlaps) {
      const auto overlap = static_cast<double>(count);
      evidence_.push_back(overlap / (overlap + kOverlapPrior));
    }
    prior_.resize(static_cast<size_t>(size_ * rank_));
    for (int64_t u = 0; u < size_; ++u) to_directions(prior_of(u), prior_.data() + u * rank_);
    factor_ = prior_;
  }

  CovarianceFit solve(const JobControl& job) {
    CovarianceFit fit;
    fit.weight.assign(evidence_.size(), 0.0);
    fit.variance.assign(evidence_.size(), 0.0);
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      job.check();
      fit.residual = std::sqrt(std::max(typical_square(), sampling_));
      if (improve(sweep < kPlainSweeps, fit) < kTolerance && sweep > kPlainSweeps) break;
    }
    std::vector<double> g(balance_.size());
    for (int64_t u = 0; u < size_; ++u) {
      to_classes(factor_.data() + u * rank_, g);
      fit.factor.insert(fit.factor.end(), g.begin(), g.end());
      const double p = shares_.share[static_cast<size_t>(u)];
      for (size_t y = 0; y < g.size(); ++y) {
        const double given = balance_[y] > 0 ? p + g[y] * deviation(u) / std::sqrt(balance_[y]) : p;
        // A vote that was never seen with a class is held possible at a hundredth of its usual rate.
        fit.likelihood.push_back(std::clamp(given, 0.01 * p, 1.0));
      }
    }
    return fit;
  }

 private:
  double deviation(int64_t u) const { return shares_.deviation[static_cast<size_t>(u)]; }

  // g of the prior, by class: P(u | own class) - P(u) = (1 - q) D, and -q D for every other class.
  std::vector<double> prior_of(int64_t u) const {
    std::vector<double> g(balance_.size(), 0.0);
    if (deviation(u) == 0) return g;
    const auto own = static_cast<size_t>(u % classes_);
    const double d = difference_[static_cast<size_t>(u)], q = balance_[own];
    for (size_t y = 0; y < g.size(); ++y) {
      g[y] = std::sqrt(balance_[y]) * (y == own ? (1 - q) * d : -q * d) / deviation(u);
    }
    return g;
  }

  void to_directions(const std::vector<double>& g, double* out) const {
    for (int k = 0; k < rank_; ++k) {
      out[k] = 0;
      for (size_t y = 0; y < g.size(); ++y)
        out[k] += basis_[y * static_cast<size_t>(rank_) + static_cast<size_t>(k)] * g[y];
    }
  }
  void to_classes(const double* directions, std::vector<double>& g) const {
    for (size_t y = 0; y < g.size(); ++y) {
      g[y] = 0;
      for (int k = 0; k < rank_; ++k) {
        g[y] += basis_[y * static_cast<size_t>(rank_) + static_cast<size_t>(k)] * directions[k];
      }
    }
  }

  // Keeps 0 <= P(u | y) <= min(1, P(u) / P(y)), and under all_positive P(u | own class) >= P(u).
  void bound(int64_t u, double* directions, std::vector<double>& g) const {
    to_classes(directions, g);
    const double p = shares_.share[static_cast<size_t>(u)];
    for (size_t y = 0; y < g.size(); ++y) {
      const double q = balance_[y];
      if (q <= 0) continue;
      const double scale = std::sqrt(q) / deviation(u);
      const bool own = static_cast<size_t>(u % classes_) == y;
      g[y] = std::clamp(g[y], all_positive_ && own ? 0 : -p * scale, (std::min(1.0, p / q) - p) * scale);
    }
    to_directions(g, directions);
  }

  // Median of the squared residuals over pairs of indicators of different LFs, made comparable to a variance.
  double typical_square() {
    squares_.clear();
    for (int64_t u = 0; u < size_; ++u) {
      if (deviation(u) == 0) continue;
      const double* row = correlation_.data() + u * size_;
      for (int64_t v = (u / classes_ + 1) * classes_; v < size_; ++v) {
        if (deviation(v) == 0) continue;
        double e = row[v];
        for (int k = 0; k < rank_; ++k)
          e -= factor_[static_cast<size_t>(u * rank_ + k)] * factor_[static_cast<size_t>(v * rank_ + k)];
        squares_.push_back(e * e);
      }
    }
    if (squares_.empty()) return 0;
    const auto middle = squares_.begin() + static_cast<std::ptrdiff_t>(squares_.size() / 2);
    std::nth_element(squares_.begin(), middle, squares_.end());
    return *middle / 0.455;  // the median of a chi-squared variable with one degree of freedom
  }

  // One sweep over all indicators, in place; returns the largest change.
  double improve(bool plain, CovarianceFit& fit) {
    const double inverse_scale = plain ? 0 : 1 / (9 * fit.residual * fit.residual);
    double change = 0;
    PartnerSums sums(rank_);
    std::vector<double> next(static_cast<size_t>(rank_)), g(balance_.size());
    for (int64_t u = 0; u < size_; ++u) {
      if (deviation(u) == 0) continue;
      const auto at = static_cast<size_t>(u);
      const double* row = correlation_.data() + u * size_;
      const double* prior = prior_.data() + u * rank_;
      double* current = factor_.data() + u * rank_;
      const int64_t first = u / classes_ * classes_, next_lf = first + classes_;
      sums.clear();
      sums.add(row, factor_.data(), first, current, inverse_scale);
      sums.add(row + next_lf, factor_.data() + next_lf * rank_, size_ - next_lf, current, inverse_scale);

      double prior_variance = 1e-30;
      for (int k = 0; k < rank_; ++k) prior_variance += prior[k] * prior[k] / 4;
      const double noise = plain ? sampling_ : std::max(sums.mean_square(), sampling_);
      sums.solve(prior, noise / prior_variance, next.data());
      const double information = sums.trace() / rank_;
      const double weight = evidence_[at] * information / (information + noise / prior_variance);
      fit.weight[at] = weight;
      fit.variance[at] = information > 0 ? weight * weight * noise / information : 0;
      fit.variance[at] += (1 - weight) * (1 - weight) * prior_variance;
      for (int k = 0; k < rank_; ++k)
        next[static_cast<size_t>(k)] = evidence_[at] * next[static_cast<size_t>(k)] + (1 - evidence_[at]) * prior[k];
      bound(u, next.data(), g);
      for (int k = 0; k < rank_; ++k) {
        change = std::max(change, std::fabs(next[static_cast<size_t>(k)] - current[k]));
        current[k] = next[static_cast<size_t>(k)];
      }
    }
    return change;
  }

  int classes_, rank_;
  int64_t size_;
  double sampling_;  // variance of a correlation of independent indicators
  const std::vector<double>& balance_;
  bool all_positive_;
  std::vector<double> basis_;
  VoteShares shares_;
  std::vector<double> correlation_, difference_, evidence_, prior_, factor_, squares_;
};

}  // namespace

CovarianceFit fit_covariance(const VoteCounts& counts, const std::vector<double>& class_balance, bool all_positive,
                             const JobControl& job) {
  return Solver(counts, class_balance, all_positive).solve(job);
}

}  // namespace nearvote

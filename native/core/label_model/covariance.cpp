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

// Mean of a normal distribution cut off at [low, high].
double truncated_mean(double mean, double sd, double low, double high) {
  if (sd <= 1e-12 || !(high > low)) return std::clamp(mean, low, high);
  const auto density = [](double x) { return 0.3989422804014327 * std::exp(-x * x / 2); };
  const auto below = [](double x) { return std::erfc(-x / 1.4142135623730951) / 2; };
  const double a = (low - mean) / sd, b = (high - mean) / sd;
  const double mass = below(b) - below(a);
  if (mass < 1e-9) return std::clamp(mean, low, high);
  return std::clamp(mean + sd * (density(a) - density(b)) / mass, low, high);
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
      // The median costs as much as a sweep and soon stands still.
      const bool settled = sweep > kPlainSweeps + 5 && sweep % 5 != 0;
      if (!settled) fit.residual = std::sqrt(std::max(typical_square(), sampling_));
      if (improve(sweep < kPlainSweeps, fit) < kTolerance && sweep > kPlainSweeps) break;
    }
    for (int64_t u = 0; u < size_; ++u) add_likelihoods(u, fit);
    fit.dependence = dependence(fit.likelihood);
    return fit;
  }

 private:
  // P(u | Y = y) for all y, and g.
  void add_likelihoods(int64_t u, CovarianceFit& fit) const {
    const double p = shares_.share[static_cast<size_t>(u)];
    const auto own = static_cast<size_t>(u % classes_);
    // A wrong vote is no less certain than under the prior alone: half its prior rate.
    const double wrong = (p - balance_[own] * difference_[static_cast<size_t>(u)]) / 2;
    std::vector<double> g(balance_.size());
    to_classes(factor_.data() + u * rank_, g);
    fit.factor.insert(fit.factor.end(), g.begin(), g.end());
    for (size_t y = 0; y < g.size(); ++y) {
      const double q = balance_[y];
      if (q <= 0 || q >= 1 || deviation(u) == 0) {
        fit.likelihood.push_back(p);
        continue;
      }
      const double scale = deviation(u) / std::sqrt(q);
      double sd = scale * std::sqrt(fit.variance[static_cast<size_t>(u)] * (1 - q));
      if (y != own) sd = std::min(sd, wrong);
      const double given = truncated_mean(p + g[y] * scale, sd, 0, std::min(1.0, p / q));
      fit.likelihood.push_back(std::max(given, 0.01 * p));
    }
  }

  // E[x^2 h^2] for the standardised vote x and standardised class h, averaged over the directions of h.
  double fourth_moment(int64_t u, const std::vector<double>& g) const {
    const double p = shares_.share[static_cast<size_t>(u)], variance = p * (1 - p);
    double sum = 0;
    for (size_t y = 0; y < g.size(); ++y) {
      const double q = balance_[y];
      const double given = q > 0 ? p + g[y] * deviation(u) / std::sqrt(q) : p;
      sum += (1 - q) * ((1 - 2 * p) * given + p * p) / variance;
    }
    return sum / rank_;
  }

  // See CovarianceFit: covariances between LFs that the factors leave over, weighed by the evidence of their votes.
  double dependence(const std::vector<double>& likelihood) const {
    double between = 0, within = 0;
    std::vector<double> evidence(static_cast<size_t>(size_));
    for (size_t y = classes_ == 2 ? 1 : 0; y < balance_.size(); ++y) {
      const double q = balance_[y];
      if (q <= 0 || q >= 1) continue;
      for (int64_t u = 0; u < size_; ++u) {
        const auto at = static_cast<size_t>(u);
        const double given = likelihood[at * balance_.size() + y];
        const double otherwise = (shares_.share[at] - q * given) / (1 - q);
        const bool votes = deviation(u) > 0;
        evidence[at] = votes ? std::log(given / std::max(otherwise, 0.01 * shares_.share[at])) * deviation(u) : 0;
      }
      for (int64_t u = 0; u < size_; ++u) {
        if (evidence[static_cast<size_t>(u)] == 0) continue;
        const int64_t first = u / classes_ * classes_;
        for (int64_t v = 0; v < size_; ++v) {
          const bool own = v >= first && v < first + classes_;
          const double weight = q * (1 - q) * evidence[static_cast<size_t>(u)] * evidence[static_cast<size_t>(v)];
          if (weight == 0) continue;
          (own ? within : between) += weight * (own ? own_correlation(u, v) - fitted(u, v) : residual(u, v));
        }
      }
    }
    return within > 0 ? 1 + std::max(between, 0.0) / within : 1;
  }

  // Two votes of one LF exclude each other.
  double own_correlation(int64_t u, int64_t v) const {
    if (u == v) return 1;
    return -shares_.share[static_cast<size_t>(u)] * shares_.share[static_cast<size_t>(v)] /
           (deviation(u) * deviation(v));
  }
  double fitted(int64_t u, int64_t v) const {
    double value = 0;
    for (int k = 0; k < rank_; ++k) {
      value += factor_[static_cast<size_t>(u * rank_ + k)] * factor_[static_cast<size_t>(v * rank_ + k)];
    }
    return value;
  }
  double residual(int64_t u, int64_t v) const {
    return correlation_[static_cast<size_t>(u * size_ + v)] - fitted(u, v);
  }

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
      for (int64_t v = (u / classes_ + 1) * classes_; v < size_; ++v) {
        if (deviation(v) == 0) continue;
        const double e = residual(u, v);
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
      for (int k = 0; k < rank_; ++k)
        next[static_cast<size_t>(k)] = evidence_[at] * next[static_cast<size_t>(k)] + (1 - evidence_[at]) * prior[k];
      bound(u, next.data(), g);
      // Of the residuals of its partners, of its own correlation with Y, and of the common scale of its partners.
      double square = 0;
      for (const double value : g) square += value * value;
      const double own = sampling_ * std::max(fourth_moment(u, g) - square, 0.0);
      const double data = information > 0 ? noise / information * (1 + square / (2 * information)) + own : 0;
      fit.variance[at] = weight * weight * data + (1 - weight) * (1 - weight) * prior_variance;
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

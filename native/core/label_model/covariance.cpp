#include "core/label_model/covariance.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/label_model/class_directions.h"
#include "core/label_model/correlations.h"
#include "core/label_model/evidence_dependence.h"
#include "core/label_model/low_rank.h"
#include "core/label_model/vote_prior.h"

namespace nearvote {
namespace {

constexpr int kPlainSweeps = 10;
constexpr int kSettled = kPlainSweeps + 5;
constexpr int kSweeps = 150;
constexpr double kTolerance = 1e-7;

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

// Everything per indicator is by a, the numbers of Correlations; by u only where it says so.
class Solver {
 public:
  Solver(const VoteCounts& counts, const std::vector<double>& balance, bool all_positive)
      : classes_(counts.domain.classes),
        sampling_(1.0 / static_cast<double>(std::max<int64_t>(counts.rows, 1))),
        balance_(balance),
        all_positive_(all_positive),
        directions_(balance),
        rank_(directions_.rank()),
        all_shares_(vote_shares(counts)),
        correlations_(vote_correlations(counts, all_shares_)),
        size_(correlations_.size),
        sums_(rank_),
        next_(static_cast<size_t>(rank_)),
        by_class_(balance.size()) {
    const std::vector<double> differences = prior_differences(counts, all_shares_, balance);
    for (const int64_t u : correlations_.indicator) {
      const auto at = static_cast<size_t>(u);
      const auto overlap = static_cast<double>(counts.overlaps[at]);
      evidence_.push_back(overlap / (overlap + kOverlapPrior));
      share_.push_back(all_shares_.share[at]);
      deviation_.push_back(all_shares_.deviation[at]);
      own_.push_back(static_cast<int>(u % classes_));
      difference_.push_back(differences[at]);
    }
    prior_.resize(static_cast<size_t>(size_ * rank_));
    for (int64_t a = 0; a < size_; ++a) set_prior(a);
    factor_ = prior_;
  }

  CovarianceFit solve(const JobControl& job) {
    CovarianceFit fit;
    double scale = std::sqrt(typical_square(sampling_));
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      job.check();
      const bool plain = sweep < kPlainSweeps;
      before_ = factor_;
      const bool still = improve(plain ? 0 : 1 / (9 * scale * scale)) < kTolerance && !plain;
      if (!still && sweep > kSettled) extrapolate();
      if (!still && sweep > kSettled && sweep % 5 != 0) continue;  // the median soon stands still
      const double before = scale;
      scale = std::sqrt(typical_square(scale * scale));
      if (still && std::fabs(scale - before) < 1e-6 * scale) break;
    }
    report(1 / (9 * scale * scale), fit);
    fit.residual = scale;
    fit.dependence = evidence_dependence(correlations_, all_shares_, balance_, factor_, rank_, fit.likelihood);
    return fit;
  }

 private:
  // g of the prior: P(u | own class) - P(u) = (1 - q) D, and -q D for every other class.
  void set_prior(int64_t a) {
    const auto at = static_cast<size_t>(a), own = static_cast<size_t>(own_[at]);
    const double d = difference_[at], q = balance_[own];
    for (size_t y = 0; y < balance_.size(); ++y) {
      by_class_[y] = std::sqrt(balance_[y]) * (y == own ? (1 - q) * d : -q * d) / deviation_[at];
    }
    directions_.from_classes(by_class_.data(), prior_.data() + a * rank_);
  }

  // Keeps 0 <= P(u | y) <= min(1, P(u) / P(y)), and under all_positive P(u | own class) >= P(u). Leaves g in by_class_.
  void bound(int64_t a, double* directions) {
    const auto at = static_cast<size_t>(a);
    directions_.to_classes(directions, by_class_.data());
    const double p = share_[at];
    for (size_t y = 0; y < balance_.size(); ++y) {
      const double q = balance_[y];
      if (q <= 0) continue;
      const double scale = std::sqrt(q) / deviation_[at];
      const bool own = static_cast<size_t>(own_[at]) == y;
      by_class_[y] =
          std::clamp(by_class_[y], all_positive_ && own ? 0 : -p * scale, (std::min(1.0, p / q) - p) * scale);
    }
    directions_.from_classes(by_class_.data(), directions);
  }

  // Median of the squared residuals over pairs of indicators of different LFs, made comparable to a variance; at least
  // the sampling variance.
  double typical_square(double near) {
    constexpr double kMedian = 0.455;  // of a chi-squared variable with one degree of freedom
    const double floor = sampling_ * kMedian;
    squares_.resize(static_cast<size_t>(size_ * (size_ - 1) / 2));
    size_t used = 0, below = 0;
    for (int64_t a = 0; a < size_; ++a) {
      const double* row = correlations_.row(a);
      const double* own = factor_.data() + a * rank_;
      const int64_t end = correlations_.end[static_cast<size_t>(a)];
      double* out = squares_.data() + used;
      if (rank_ == 1) {
        for (int64_t b = end; b < size_; ++b) {
          const double e = row[b] - own[0] * factor_[static_cast<size_t>(b)];
          out[b - end] = e * e;
          below += e * e <= floor;
        }
      } else {
        for (int64_t b = end; b < size_; ++b) {
          const double* partner = factor_.data() + b * rank_;
          double e = row[b];
          for (int k = 0; k < rank_; ++k) e -= own[k] * partner[k];
          out[b - end] = e * e;
          below += e * e <= floor;
        }
      }
      used += static_cast<size_t>(size_ - end);
    }
    squares_.resize(used);
    if (2 * below > used || used == 0) return sampling_;  // no need to know a median below that
    return std::max(upper_median(squares_, near * kMedian, scratch_) / kMedian, sampling_);
  }

  static double square(const double* values, int count) {
    double sum = 0;
    for (int k = 0; k < count; ++k) sum += values[k] * values[k];
    return sum;
  }

  // What indicator a's partners say: sums_, and how noisy that is and how firm the prior.
  struct Partners {
    double noise, prior_variance;
  };
  Partners partners(int64_t a, double inverse_scale, double norm) {
    const auto first = correlations_.first[static_cast<size_t>(a)], end = correlations_.end[static_cast<size_t>(a)];
    const double *row = correlations_.row(a), *current = factor_.data() + a * rank_;
    sums_.clear();
    sums_.add(row, factor_.data(), first, current, inverse_scale);
    sums_.add(row + end, factor_.data() + end * rank_, size_ - end, current, inverse_scale);
    for (int64_t b = first; b < end; ++b) norm -= square(factor_.data() + b * rank_, rank_);
    const double noise = inverse_scale == 0 ? sampling_ : std::max(sums_.mean_square(norm, inverse_scale), sampling_);
    return {noise, 1e-30 + square(prior_.data() + a * rank_, rank_) / 4};
  }

  double norm() const { return square(factor_.data(), static_cast<int>(factor_.size())); }

  // One sweep over all indicators, in place; returns the largest change.
  double improve(double inverse_scale) {
    double change = 0, total = norm();
    for (int64_t a = 0; a < size_; ++a) {
      const auto [noise, prior_variance] = partners(a, inverse_scale, total);
      const double* prior = prior_.data() + a * rank_;
      double* current = factor_.data() + a * rank_;
      sums_.solve(prior, noise / prior_variance, next_.data());
      const double evidence = evidence_[static_cast<size_t>(a)];
      for (int k = 0; k < rank_; ++k) {
        next_[static_cast<size_t>(k)] = evidence * next_[static_cast<size_t>(k)] + (1 - evidence) * prior[k];
      }
      bound(a, next_.data());
      total += square(next_.data(), rank_) - square(current, rank_);
      for (int k = 0; k < rank_; ++k) {
        change = std::max(change, std::fabs(next_[static_cast<size_t>(k)] - current[k]));
        current[k] = next_[static_cast<size_t>(k)];
      }
    }
    return change;
  }

  // Sweeps that shrink by a steady factor along one line have a limit: go there (Aitken), and let sweeps check it.
  void extrapolate() {
    double product = 0, now = 0, then = 0;
    step_.resize(factor_.size());
    last_step_.resize(factor_.size(), 0.0);
    for (size_t at = 0; at < factor_.size(); ++at) {
      step_[at] = factor_[at] - before_[at];
      product += step_[at] * last_step_[at];
      now += step_[at] * step_[at];
      then += last_step_[at] * last_step_[at];
    }
    std::swap(step_, last_step_);
    const bool aligned = product > 0 && product * product > 0.99 * now * then;
    const double ratio = aligned ? product / then : 0;
    if (ratio == 0 || ratio > 0.98) return;
    for (size_t at = 0; at < factor_.size(); ++at) factor_[at] += last_step_[at] * ratio / (1 - ratio);
    for (int64_t a = 0; a < size_; ++a) bound(a, factor_.data() + a * rank_);
    std::fill(last_step_.begin(), last_step_.end(), 0.0);
  }

  // Fills weight, variance, likelihood and factor, all by u.
  void report(double inverse_scale, CovarianceFit& fit) {
    const size_t all = all_shares_.share.size(), classes = balance_.size();
    fit.weight.assign(all, 0.0);
    fit.variance.assign(all, 0.0);
    fit.partner_variance.assign(all, 0.0);
    fit.factor.assign(all * classes, 0.0);
    for (const double p : all_shares_.share) fit.likelihood.insert(fit.likelihood.end(), classes, p);
    const double total = norm();
    for (int64_t a = 0; a < size_; ++a) {
      const auto at = static_cast<size_t>(a), u = static_cast<size_t>(correlations_.indicator[at]);
      const auto [noise, prior_variance] = partners(a, inverse_scale, total);
      const double information = sums_.trace() / rank_;
      const double weight = evidence_[at] * information / (information + noise / prior_variance);
      directions_.to_classes(factor_.data() + a * rank_, by_class_.data());
      // Of the residuals of its partners, of its own correlation with Y, and of the common scale of its partners.
      const double length = square(by_class_.data(), classes_);
      const double own = sampling_ * std::max(fourth_moment(at) - length, 0.0);
      const double data = information > 0 ? noise / information * (1 + length / (2 * information)) : 0;
      fit.weight[u] = weight;
      fit.partner_variance[u] = weight * weight * data + (1 - weight) * (1 - weight) * prior_variance;
      fit.variance[u] = fit.partner_variance[u] + (information > 0 ? weight * weight * own : 0);
      std::copy(by_class_.begin(), by_class_.end(), fit.factor.begin() + static_cast<std::ptrdiff_t>(u * classes));
      for (size_t y = 0; y < classes; ++y) fit.likelihood[u * classes + y] = likelihood(at, y, fit.variance[u]);
    }
  }

  // P(u | Y = y), of g in by_class_ with the variance given.
  double likelihood(size_t a, size_t y, double variance) const {
    const double p = share_[a], q = balance_[y];
    if (q <= 0 || q >= 1) return p;
    const auto own = static_cast<size_t>(own_[a]);
    const double scale = deviation_[a] / std::sqrt(q);
    double sd = scale * std::sqrt(variance * (1 - q));
    // A wrong vote is no less certain than under the prior alone: half its prior rate.
    if (y != own) sd = std::min(sd, (p - balance_[own] * difference_[a]) / 2);
    return std::max(truncated_mean(p + by_class_[y] * scale, sd, 0, std::min(1.0, p / q)), 0.01 * p);
  }

  // E[x^2 h^2] for the standardised vote x and standardised class h, averaged over the directions of h.
  double fourth_moment(size_t a) const {
    const double p = share_[a], variance = p * (1 - p);
    double sum = 0;
    for (size_t y = 0; y < balance_.size(); ++y) {
      const double q = balance_[y];
      const double given = q > 0 ? p + by_class_[y] * deviation_[a] / std::sqrt(q) : p;
      sum += (1 - q) * ((1 - 2 * p) * given + p * p) / variance;
    }
    return sum / rank_;
  }

  int classes_;
  double sampling_;  // variance of a correlation of independent indicators
  const std::vector<double>& balance_;
  bool all_positive_;
  ClassDirections directions_;
  int rank_;
  VoteShares all_shares_;  // by u
  Correlations correlations_;
  int64_t size_;
  std::vector<double> evidence_, share_, deviation_, difference_;
  std::vector<int> own_;
  std::vector<double> prior_, factor_, before_, step_, last_step_;  // A x rank
  PartnerSums sums_;
  std::vector<double> next_, by_class_, squares_, scratch_;
};

}  // namespace

CovarianceFit fit_covariance(const VoteCounts& counts, const std::vector<double>& class_balance, bool all_positive,
                             const JobControl& job) {
  return Solver(counts, class_balance, all_positive).solve(job);
}

}  // namespace nearvote

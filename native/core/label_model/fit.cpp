#include "core/label_model/fit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/label_model/balance_estimate.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/class_conditional.h"
#include "core/label_model/correlations.h"
#include "core/label_model/covariance.h"
#include "core/label_model/triplet_model.h"

namespace nearvote {
namespace {

LabelModel empty_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  LabelModel model;
  model.domain = counts.domain;
  model.lfs = counts.lfs;
  const int classes = counts.domain.classes;
  if (options.class_balance.empty()) {
    BalanceEstimate estimate = estimate_balance(counts, job);
    model.class_balance = std::move(estimate.balance);
    model.balance_low = std::move(estimate.low);
    model.balance_high = std::move(estimate.high);
  } else {
    model.class_balance = checked_balance(options.class_balance, classes);
  }
  model.weights.assign(static_cast<size_t>(counts.lfs * (classes + 1) * classes), 0.0);
  model.accuracies.resize(static_cast<size_t>(counts.lfs));
  for (int64_t i = 0; i < counts.lfs; ++i) {
    const auto rows = static_cast<double>(std::max<int64_t>(counts.rows, 1));
    model.accuracies[static_cast<size_t>(i)].coverage = static_cast<double>(counts.lf_votes(i)) / rows;
  }
  return model;
}

LabelModel fit_majority(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  LabelModel model = empty_model(counts, options, job);
  model.combine = Combine::shares;
  model.start = model.class_balance;
  for (int64_t i = 0; i < counts.lfs; ++i) {
    for (int c = 0; c < counts.domain.classes; ++c) model.weight(i, c + 1, c) = 1;
    LfAccuracy& accuracy = model.accuracies[static_cast<size_t>(i)];
    accuracy.estimate = kPriorAccuracy;
    accuracy.from_prior = true;
  }
  return model;
}

// Variance of an estimated accuracy of LF i from the sampling of its own votes. Were Y seen, the estimate would be
//   sum_c P(c) p_c + Cov(votes c, Y = c), divided by its coverage v,
// with P(c) given and p_c, Cov as sampled. A row adds [vote = Y] - sum_c p_c ([Y = c] - P(c)) - accuracy [votes].
double own_variance(const LabelModel& model, const VoteCounts& counts, const CovarianceFit& fit, int64_t i) {
  const int classes = counts.domain.classes;
  const auto n = static_cast<double>(counts.rows);
  const double accuracy = model.accuracies[static_cast<size_t>(i)].estimate;
  double coverage = 0, mean = 0, square = 0, together = 0;
  for (int y = 0; y < classes; ++y) {
    const double q = model.class_balance[static_cast<size_t>(y)];
    const double p = static_cast<double>(counts.votes(i * classes + y)) / n;
    double right = 0, votes = 0;
    for (int c = 0; c < classes; ++c) {
      const double given = fit.likelihood[static_cast<size_t>((i * classes + c) * classes + y)];
      votes += given;
      if (c == y) right = given;
    }
    coverage += p;
    mean += q * p;
    square += q * p * p;
    together += q * p * (right - accuracy * votes);
  }
  const double variance = accuracy * (1 - accuracy) * coverage + square - mean * mean - 2 * together;
  return std::max(variance, 0.0) / (n * coverage * coverage);
}

// 95 % interval of P(vote = Y | votes) = sum_c P(c) P(c | Y = c) / coverage: from the LF's own votes, and from what its
// partners tell of P(c | Y = c), whose errors for two votes of one LF go together as far as the votes exclude each
// other.
void set_intervals(LabelModel& model, const VoteCounts& counts, const CovarianceFit& fit) {
  const int classes = counts.domain.classes;
  const VoteShares shares = vote_shares(counts);
  for (int64_t i = 0; i < counts.lfs; ++i) {
    LfAccuracy& accuracy = model.accuracies[static_cast<size_t>(i)];
    double coverage = 0, variance = 0, weight = 0;
    for (int a = 0; a < classes; ++a) {
      const auto u = static_cast<size_t>(i * classes + a);
      const double pa = shares.share[u], qa = model.class_balance[static_cast<size_t>(a)];
      coverage += pa;
      weight += pa * fit.weight[u];
      const double error_a = std::sqrt(qa * (1 - qa) * fit.partner_variance[u]) * shares.deviation[u];
      for (int b = 0; b < classes; ++b) {
        const auto v = static_cast<size_t>(i * classes + b);
        const double pb = shares.share[v], qb = model.class_balance[static_cast<size_t>(b)];
        const double error_b = std::sqrt(qb * (1 - qb) * fit.partner_variance[v]) * shares.deviation[v];
        variance += error_a * error_b * (a == b ? 1 : std::sqrt(pa * pb / std::max((1 - pa) * (1 - pb), 1e-300)));
      }
    }
    if (coverage == 0) continue;  // low 0, high 1
    weight /= coverage;
    variance = variance / (coverage * coverage) + weight * weight * own_variance(model, counts, fit, i);
    accuracy.low = std::max(accuracy.estimate - 1.96 * std::sqrt(variance), 0.0);
    accuracy.high = std::min(accuracy.estimate + 1.96 * std::sqrt(variance), 1.0);
  }
}

FittedModel fit_covariance_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  FittedModel fitted{empty_model(counts, options, job), Method::covariance, Choice::asked, 1};
  const CovarianceFit fit = fit_covariance(counts, fitted.model.class_balance, options.all_positive, job);
  set_likelihoods(fitted.model, counts, fit.likelihood, fit.weight);
  set_intervals(fitted.model, counts, fit);
  fitted.dependence = fit.dependence;
  return fitted;
}

FittedModel fit_automatically(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  int64_t voting = 0;
  for (int64_t i = 0; i < counts.lfs; ++i) voting += counts.lf_votes(i) > 0 ? 1 : 0;
  if (voting < 3) return {fit_majority(counts, options, job), Method::majority, Choice::few_lfs, 1};
  FittedModel fitted = fit_covariance_model(counts, options, job);
  fitted.choice = Choice::covariance;
  if (fitted.dependence <= kMostDependence) return fitted;
  FitOptions same = options;
  same.class_balance = fitted.model.class_balance;
  LabelModel majority = fit_majority(counts, same, job);
  majority.balance_low = fitted.model.balance_low;
  majority.balance_high = fitted.model.balance_high;
  return {std::move(majority), Method::majority, Choice::dependent, fitted.dependence};
}

}  // namespace

FittedModel fit_label_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  const auto triplets = [&](TripletRule rule) {
    return fit_triplet_model(counts, empty_model(counts, options, job), rule, options, job);
  };
  const auto asked = [&](LabelModel model) { return FittedModel{std::move(model), options.method, Choice::asked, 1}; };
  switch (options.method) {
    case Method::majority:
      return asked(fit_majority(counts, options, job));
    case Method::triplet_mean:
      return asked(triplets(TripletRule::mean));
    case Method::triplet_median:
      return asked(triplets(TripletRule::median));
    case Method::triplet_weighted:
      return asked(triplets(TripletRule::weighted));
    case Method::covariance:
      return fit_covariance_model(counts, options, job);
    case Method::automatic:
      return fit_automatically(counts, options, job);
  }
  return {};
}

}  // namespace nearvote

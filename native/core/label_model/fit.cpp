#include "core/label_model/fit.h"

#include <algorithm>
#include <cmath>

#include "core/label_model/class_balance.h"
#include "core/label_model/covariance.h"
#include "core/label_model/pair_moments.h"
#include "core/label_model/triplets.h"

namespace nearvote {
namespace {

constexpr double kPriorAccuracy = 0.75;

LabelModel empty_model(const VoteCounts& counts, const FitOptions& options) {
  LabelModel model;
  model.domain = counts.domain;
  model.lfs = counts.lfs;
  const int classes = counts.domain.classes;
  model.class_balance =
      options.class_balance.empty() ? uniform_balance(classes) : checked_balance(options.class_balance, classes);
  model.weights.assign(static_cast<size_t>(counts.lfs * (classes + 1) * classes), 0.0);
  model.accuracies.resize(static_cast<size_t>(counts.lfs));
  for (int64_t i = 0; i < counts.lfs; ++i) {
    const auto rows = static_cast<double>(std::max<int64_t>(counts.rows, 1));
    model.accuracies[static_cast<size_t>(i)].coverage = static_cast<double>(counts.lf_votes(i)) / rows;
  }
  return model;
}

LabelModel fit_majority(const VoteCounts& counts, const FitOptions& options) {
  LabelModel model = empty_model(counts, options);
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

LabelModel fit_triplets(const VoteCounts& counts, const FitOptions& options, TripletRule rule, const JobControl& job) {
  LabelModel model = empty_model(counts, options);
  const int classes = counts.domain.classes;
  model.start = log_balance(model.class_balance);
  const PairMoments moments = pair_moments(counts);
  const TripletEstimates triplets = solve_triplets(moments, rule, options.threads, job);
  std::vector<int> signs(static_cast<size_t>(counts.lfs), 1);
  if (!options.all_positive) signs = recover_signs(counts, moments);
  for (int64_t i = 0; i < counts.lfs; ++i) {
    const auto at = static_cast<size_t>(i);
    LfAccuracy& accuracy = model.accuracies[at];
    accuracy.from_prior = triplets.candidates[at] == 0;
    accuracy.sign = accuracy.from_prior ? 1 : signs[at];
    const double b = accuracy.sign * triplets.magnitude[at];
    const double raw = accuracy.from_prior ? kPriorAccuracy : (b * (classes - 1) + 1) / classes;
    // n votes cannot show that an LF errs less often than about once in n + 2.
    const double least = 1.0 / (static_cast<double>(counts.lf_votes(i)) + 2);
    accuracy.estimate = std::clamp(raw, std::min(least, 0.25), 1 - std::min(least, 0.25));
    accuracy.clamped = accuracy.estimate != raw;
    const double right = std::log(accuracy.estimate), wrong = std::log((1 - accuracy.estimate) / (classes - 1));
    for (int c = 0; c < classes; ++c)
      for (int y = 0; y < classes; ++y) model.weight(i, c + 1, y) = c == y ? right : wrong;
  }
  return model;
}

LabelModel fit_class_conditional(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  LabelModel model = empty_model(counts, options);
  model.start = log_balance(model.class_balance);
  const int classes = counts.domain.classes;
  const CovarianceFit fit = fit_covariance(counts, model.class_balance, options.all_positive, job);
  for (int64_t i = 0; i < counts.lfs; ++i) {
    LfAccuracy& accuracy = model.accuracies[static_cast<size_t>(i)];
    double right = 0, votes = 0, chance = 0, learnt = 0;
    for (int c = 0; c < classes; ++c) {
      const int64_t u = i * classes + c;
      if (counts.votes(u) == 0) continue;
      const double* given = fit.likelihood.data() + u * classes;
      double share = 0;
      for (int y = 0; y < classes; ++y) {
        share += model.class_balance[static_cast<size_t>(y)] * given[y];
        model.weight(i, c + 1, y) = std::log(given[y]);
      }
      right += model.class_balance[static_cast<size_t>(c)] * given[c];
      chance += model.class_balance[static_cast<size_t>(c)] * share;
      votes += share;
      learnt = std::max(learnt, fit.weight[static_cast<size_t>(u)]);
    }
    accuracy.from_prior = learnt == 0;
    accuracy.estimate = votes > 0 ? right / votes : kPriorAccuracy;
    accuracy.sign = right < chance ? -1 : 1;
  }
  return model;
}

}  // namespace

LabelModel fit_label_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  switch (options.method) {
    case Method::majority:
      return fit_majority(counts, options);
    case Method::triplet_mean:
      return fit_triplets(counts, options, TripletRule::mean, job);
    case Method::triplet_median:
      return fit_triplets(counts, options, TripletRule::median, job);
    case Method::triplet_weighted:
      return fit_triplets(counts, options, TripletRule::weighted, job);
    case Method::covariance:
      return fit_class_conditional(counts, options, job);
  }
  return {};
}

}  // namespace nearvote

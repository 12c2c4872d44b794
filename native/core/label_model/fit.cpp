#include "core/label_model/fit.h"

#include <algorithm>
#include <cmath>

#include "core/label_model/balance_estimate.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/class_conditional.h"
#include "core/label_model/covariance.h"
#include "core/label_model/triplet_model.h"

namespace nearvote {
namespace {

LabelModel empty_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  LabelModel model;
  model.domain = counts.domain;
  model.lfs = counts.lfs;
  const int classes = counts.domain.classes;
  model.class_balance = options.class_balance.empty() ? estimate_balance(counts, options.threads, job)
                                                      : checked_balance(options.class_balance, classes);
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

LabelModel fit_covariance_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  LabelModel model = empty_model(counts, options, job);
  const CovarianceFit fit = fit_covariance(counts, model.class_balance, options.all_positive, job);
  set_likelihoods(model, counts, fit.likelihood, fit.weight);
  return model;
}

}  // namespace

LabelModel fit_label_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job) {
  switch (options.method) {
    case Method::majority:
      return fit_majority(counts, options, job);
    case Method::triplet_mean:
      return fit_triplet_model(counts, empty_model(counts, options, job), TripletRule::mean, options, job);
    case Method::triplet_median:
      return fit_triplet_model(counts, empty_model(counts, options, job), TripletRule::median, options, job);
    case Method::triplet_weighted:
      return fit_triplet_model(counts, empty_model(counts, options, job), TripletRule::weighted, options, job);
    case Method::covariance:
      return fit_covariance_model(counts, options, job);
  }
  return {};
}

}  // namespace nearvote

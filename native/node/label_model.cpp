// Fitting and prediction of the label model. A model crosses the border as plain float64 numbers, see label_model.h.
#include "node/label_model.h"

#include "core/label_model/class_balance.h"
#include "core/label_model/fit.h"
#include "core/label_model/flyingsquid.h"
#include "core/label_model/posterior.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/job.h"
#include "node/votes.h"

namespace nearvote::node {
namespace {

// Per LF: estimate, low, high, sign, coverage, clamped, from_prior.
constexpr int64_t kAccuracyFields = 7;

void flatten(const LabelModel& model, double* out, double* accuracies) {
  *out++ = static_cast<double>(model.combine);
  for (const double p : model.class_balance) *out++ = p;
  for (const double value : model.start) *out++ = value;
  for (const double value : model.weights) *out++ = value;
  for (const LfAccuracy& lf : model.accuracies) {
    for (const double value : {lf.estimate, lf.low, lf.high, static_cast<double>(lf.sign), lf.coverage,
                               static_cast<double>(lf.clamped), static_cast<double>(lf.from_prior)}) {
      *accuracies++ = value;
    }
  }
}

// fitLabelModel(counts, lfs, classes, method, class balance (K, or empty: estimated), allPositive, out, accuracies,
// report: float64 [method used, Choice, dependence, then low and high of each class's share if estimated], threads,
// control)
Napi::Value fit(const Napi::CallbackInfo& info) {
  const int64_t lfs = int_arg(info, 1);
  const VoteDomain domain = domain_arg(info, 2);
  const auto* counts = array_arg<double>(info, 0, flat_counts_length(domain, lfs));
  FitOptions options;
  options.method = static_cast<Method>(int_arg(info, 3));
  const auto* balance = array_arg<double>(info, 4, -1);
  options.class_balance.assign(balance, balance + array_length(info, 4));
  options.all_positive = bool_arg(info, 5);
  auto* out = array_arg<double>(info, 6, flat_model_length(domain, lfs));
  auto* accuracies = array_arg<double>(info, 7, lfs * kAccuracyFields);
  auto* report = array_arg<double>(info, 8, 3 + 2 * domain.classes);
  options.threads = static_cast<int>(int_arg(info, 9));
  return run_call(info, [=](const JobControl& job) {
    const FittedModel fitted = fit_label_model(unflatten_counts(counts, domain, lfs), options, job);
    flatten(fitted.model, out, accuracies);
    report[0] = static_cast<double>(fitted.method);
    report[1] = static_cast<double>(fitted.choice);
    report[2] = fitted.dependence;
    for (size_t y = 0; y < fitted.model.balance_low.size(); ++y) {
      report[3 + 2 * y] = fitted.model.balance_low[y];
      report[4 + 2 * y] = fitted.model.balance_high[y];
    }
  });
}

// fitFlyingSquid(counts, lfs, median, class balance (2), triplets: int32 t x 3, flipNegative, clamp, priorTwice, out,
// accuracies, control)
Napi::Value fit_flyingsquid_model(const Napi::CallbackInfo& info) {
  const int64_t lfs = int_arg(info, 1);
  const VoteDomain domain;
  const auto* counts = array_arg<double>(info, 0, flat_counts_length(domain, lfs));
  FlyingSquidOptions options;
  options.median = bool_arg(info, 2);
  const auto* given = array_arg<double>(info, 3, 2);
  const std::vector<double> balance(given, given + 2);
  const auto* triplets = array_arg<int32_t>(info, 4, -1);
  for (int64_t t = 0; t + 2 < array_length(info, 4); t += 3) {
    for (int64_t s = 0; s < 3; ++s) {
      if (triplets[t + s] < 0 || triplets[t + s] >= lfs) throw Napi::RangeError::New(info.Env(), "Expected LF indices");
    }
    options.triplets.push_back({triplets[t], triplets[t + 1], triplets[t + 2]});
  }
  options.flip_negative = bool_arg(info, 5);
  options.clamp = bool_arg(info, 6);
  options.prior_twice = bool_arg(info, 7);
  auto* out = array_arg<double>(info, 8, flat_model_length(domain, lfs));
  auto* accuracies = array_arg<double>(info, 9, lfs * kAccuracyFields);
  return run_call(info, [=](const JobControl&) {
    flatten(fit_flyingsquid(unflatten_counts(counts, domain, lfs), checked_balance(balance, 2), options), out,
            accuracies);
  });
}

// What both predictions start with: votes (3), classes, model; 5 arguments.
struct Prediction {
  explicit Prediction(const Napi::CallbackInfo& info)
      : votes(matrix_arg<const int8_t>(info, 0)),
        model(unflatten_model(array_arg<double>(info, 4, flat_model_length(domain_arg(info, 3), votes.cols)),
                              domain_arg(info, 3), votes.cols)) {}

  VoteMatrix votes;
  LabelModel model;
};

// predictProba(votes (3), classes, model, out, threads, control)
Napi::Value proba(const Napi::CallbackInfo& info) {
  const Prediction p(info);
  auto* out = array_arg<double>(info, 5, p.votes.rows * proba_columns(p.model));
  const int threads = static_cast<int>(int_arg(info, 6));
  return run_call(info, [=](const JobControl& job) { predict_proba(p.model, p.votes, out, threads, job); });
}

// predict(votes (3), classes, model, ties by prior, uncovered by prior, out, threads, control)
Napi::Value labels(const Napi::CallbackInfo& info) {
  const Prediction p(info);
  const auto ties = bool_arg(info, 5) ? Undecided::prior : Undecided::abstain;
  const auto uncovered = bool_arg(info, 6) ? Undecided::prior : Undecided::abstain;
  auto* out = array_arg<int8_t>(info, 7, p.votes.rows);
  const int threads = static_cast<int>(int_arg(info, 8));
  return run_call(info, [=](const JobControl& job) { predict(p.model, p.votes, ties, uncovered, out, threads, job); });
}

}  // namespace

int64_t flat_model_length(VoteDomain domain, int64_t lfs) {
  const int64_t classes = domain.classes;
  return 1 + 2 * classes + lfs * (classes + 1) * classes;
}

LabelModel unflatten_model(const double* flat, VoteDomain domain, int64_t lfs) {
  LabelModel model;
  model.domain = domain;
  model.lfs = lfs;
  model.combine = static_cast<Combine>(static_cast<int>(*flat++));
  model.class_balance.assign(flat, flat + domain.classes);
  model.start.assign(flat + domain.classes, flat + 2 * domain.classes);
  model.weights.assign(flat + 2 * domain.classes, flat + flat_model_length(domain, lfs) - 1);
  return model;
}

void register_label_model(Napi::Env env, Napi::Object exports) {
  exports.Set("fitLabelModel", Napi::Function::New(env, fit));
  exports.Set("fitFlyingSquid", Napi::Function::New(env, fit_flyingsquid_model));
  exports.Set("predictProba", Napi::Function::New(env, proba));
  exports.Set("predict", Napi::Function::New(env, labels));
}

}  // namespace nearvote::node

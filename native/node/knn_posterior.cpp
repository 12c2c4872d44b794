// Posterior smoothing over neighbour lists. Outputs are typed arrays of the caller, filled in place.
#include "core/neighbors/knn_posterior.h"

#include <algorithm>

#include "node/addon.h"
#include "node/args.h"
#include "node/embedding_set.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

// What both calls start with: indices, weights, rows, k, support rows; 5 arguments.
struct ListArgs {
  explicit ListArgs(const Napi::CallbackInfo& info) : support(int_arg(info, 4)) {
    lists.rows = int_arg(info, 2);
    lists.k = int_arg(info, 3);
    lists.indices = array_arg<int32_t>(info, 0, lists.rows * lists.k);
    lists.weights = array_arg<float>(info, 1, lists.rows * lists.k);
    const auto* end = lists.indices + lists.rows * lists.k;
    if (std::any_of(lists.indices, end, [&](int32_t index) { return index >= support; })) {
      throw Napi::RangeError::New(info.Env(), "Expected neighbours among the support rows");
    }
  }

  WeightedLists lists;
  int64_t support;
};

// neighborWeights(metric, indices, scores, rows, k): scores become weights in place
Napi::Value weights(const Napi::CallbackInfo& info) {
  const Metric metric = metric_arg(info, 0);
  const int64_t rows = int_arg(info, 3), k = int_arg(info, 4);
  neighbor_weights(metric, array_arg<int32_t>(info, 1, rows * k), array_arg<float>(info, 2, rows * k), rows, k);
  return info.Env().Undefined();
}

// propagatePosterior(ListArgs (5), proba, counts, gold, own, classes, goldWeight, rounds, state, weight, mean, threads,
// control)
Napi::Value propagate_posterior(const Napi::CallbackInfo& info) {
  const ListArgs in(info);
  if (in.lists.rows != in.support) throw Napi::RangeError::New(info.Env(), "Expected the lists of the support rows");
  const int64_t classes = int_arg(info, 9);
  const auto* proba = array_arg<double>(info, 5, in.support * classes);
  const auto* counts = array_arg<int32_t>(info, 6, in.support);
  const auto* gold = array_arg<int32_t>(info, 7, in.support);
  const auto* own = array_arg<double>(info, 8, in.support * classes);
  if (std::any_of(gold, gold + in.support, [&](int32_t label) { return label >= classes; })) {
    throw Napi::RangeError::New(info.Env(), "Expected class indices");
  }
  const double gold_weight = double_arg(info, 10);
  const int rounds = static_cast<int>(int_arg(info, 11));
  auto* state = array_arg<double>(info, 12, in.support * classes);
  auto* weight = array_arg<double>(info, 13, in.support);
  auto* mean = array_arg<double>(info, 14, classes);
  const int threads = static_cast<int>(int_arg(info, 15));
  return run_call(info, [=](const JobControl& job) {
    const Beliefs beliefs = propagate(in.lists, proba, counts, gold, own, classes, gold_weight, rounds, threads, job);
    std::copy(beliefs.state.begin(), beliefs.state.end(), state);
    std::copy(beliefs.weight.begin(), beliefs.weight.end(), weight);
    std::copy(beliefs.mean.begin(), beliefs.mean.end(), mean);
  });
}

// smoothPosterior(ListArgs (5), state, weight, mean, own, classes, out, threads, control)
Napi::Value smooth_posterior(const Napi::CallbackInfo& info) {
  const ListArgs in(info);
  const int64_t classes = int_arg(info, 9);
  const auto* state = array_arg<double>(info, 5, in.support * classes);
  const auto* weight = array_arg<double>(info, 6, in.support);
  const auto* mean = array_arg<double>(info, 7, classes);
  const auto* own = array_arg<double>(info, 8, in.lists.rows * classes);
  auto* out = array_arg<double>(info, 10, in.lists.rows * classes);
  const int threads = static_cast<int>(int_arg(info, 11));
  return run_call(info, [=](const JobControl& job) {
    const Beliefs beliefs{{state, state + in.support * classes}, {weight, weight + in.support}, {mean, mean + classes}};
    smooth_round(in.lists, beliefs, own, classes, out, threads, job);
  });
}

}  // namespace

void register_knn_posterior(Napi::Env env, Napi::Object exports) {
  exports.Set("neighborWeights", Napi::Function::New(env, weights));
  exports.Set("propagatePosterior", Napi::Function::New(env, propagate_posterior));
  exports.Set("smoothPosterior", Napi::Function::New(env, smooth_posterior));
}

}  // namespace nearvote::node

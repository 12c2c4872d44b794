// Posterior smoothing over neighbour lists. Outputs are typed arrays of the caller, filled in place.
#include "core/neighbors/knn_posterior.h"

#include <algorithm>

#include "node/addon.h"
#include "node/args.h"
#include "node/embedding_set.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

// What calls of lists start with: indices, weights, rows, k, support rows; 5 arguments.
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

// smoothPosterior(ListArgs (5), state, weight, mean, proba, counts, balance, ownWeight, out, threads, control): one
// round for rows with these posteriors of their own
Napi::Value smooth_posterior(const Napi::CallbackInfo& info) {
  const ListArgs in(info);
  const int64_t classes = array_length(info, 7);
  const auto* state = array_arg<double>(info, 5, in.support * classes);
  const auto* weight = array_arg<double>(info, 6, in.support);
  const auto* mean = array_arg<double>(info, 7, classes);
  const auto* proba = array_arg<double>(info, 8, in.lists.rows * classes);
  const auto* counts = array_arg<int32_t>(info, 9, in.lists.rows);
  const auto* balance = array_arg<double>(info, 10, classes);
  const double own_weight = double_arg(info, 11);
  auto* out = array_arg<double>(info, 12, in.lists.rows * classes);
  const int threads = static_cast<int>(int_arg(info, 13));
  return run_call(info, [=](const JobControl& job) {
    const Beliefs beliefs{{state, state + in.support * classes}, {weight, weight + in.support}, {mean, mean + classes}};
    const auto own = own_factor(proba, counts, {balance, balance + classes}, own_weight, in.lists.rows, threads);
    smooth_round(in.lists, beliefs, own.data(), classes, out, threads, job);
  });
}

}  // namespace

void register_knn_posterior(Napi::Env env, Napi::Object exports) {
  exports.Set("neighborWeights", Napi::Function::New(env, weights));
  exports.Set("smoothPosterior", Napi::Function::New(env, smooth_posterior));
}

}  // namespace nearvote::node

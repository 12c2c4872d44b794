// Smoothing of rows among themselves. The graph of a fit is made from arrays, that of a session's edit by the session
// (session.cpp); what is asked of it is the same.
#include "core/neighbors/posterior_graph.h"

#include <algorithm>

#include "node/addon.h"
#include "node/args.h"
#include "node/graph_box.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

Napi::Value new_graph(const Napi::CallbackInfo& info) {
  const Napi::Value handle = Handle<GraphBox>::make(info.Env());
  Handle<GraphBox>::from(handle)->value = std::make_shared<GraphBox>();
  return handle;
}

// fillPosteriorGraph(graph, indices, weights, rows, k, proba, counts, labels, balance, threads, control)
Napi::Value fill_graph(const Napi::CallbackInfo& info) {
  auto box = Handle<GraphBox>::open(info[0]);
  const int64_t rows = int_arg(info, 3), k = int_arg(info, 4), classes = array_length(info, 8);
  const WeightedLists lists{array_arg<int32_t>(info, 1, rows * k), array_arg<float>(info, 2, rows * k), rows, k};
  const auto* proba = array_arg<double>(info, 5, rows * classes);
  const auto* counts = array_arg<int32_t>(info, 6, rows);
  const auto* labels = array_arg<int32_t>(info, 7, rows);
  const auto* balance = array_arg<double>(info, 8, classes);
  const int threads = static_cast<int>(int_arg(info, 9));
  if (std::any_of(lists.indices, lists.indices + rows * k, [=](int32_t index) { return index >= rows; }))
    throw Napi::RangeError::New(info.Env(), "Expected neighbours among the rows");
  if (std::any_of(labels, labels + rows, [=](int32_t label) { return label >= classes; }))
    throw Napi::RangeError::New(info.Env(), "Expected class indices");
  return run_call(info, [=](const JobControl& job) {
    box->graph = std::make_shared<PosteriorGraph>(
        std::make_shared<SmoothingLists>(lists, threads), std::vector<double>(proba, proba + rows * classes),
        std::vector<int32_t>(counts, counts + rows), std::vector<int32_t>(labels, labels + rows),
        std::vector<double>(balance, balance + classes), RunOptions{threads, job});
  });
}

std::shared_ptr<const PosteriorGraph> graph_arg(const Napi::CallbackInfo& info) {
  auto graph = Handle<GraphBox>::open(info[0])->graph;
  if (graph == nullptr) throw Napi::TypeError::New(info.Env(), "Expected a graph that is filled");
  return graph;
}

// posteriorFolds(graph, ownWeights, goldWeights: Float64Array of settings, folds, rounds, out: settings x gold rows x
// K, threads, control)
Napi::Value cross_validate(const Napi::CallbackInfo& info) {
  const auto graph = graph_arg(info);
  const int64_t count = array_length(info, 1);
  const auto* own = array_arg<double>(info, 1, count);
  const auto* gold = array_arg<double>(info, 2, count);
  const int64_t folds = int_arg(info, 3);
  const int rounds = static_cast<int>(int_arg(info, 4));
  auto* out = array_arg<double>(info, 5, count * static_cast<int64_t>(graph->gold().size()) * graph->classes());
  const int threads = static_cast<int>(int_arg(info, 6));
  return run_call(info, [=](const JobControl& job) {
    std::vector<SmoothingSettings> settings;
    for (int64_t s = 0; s < count; ++s) settings.push_back({own[s], gold[s]});
    const std::vector<double> proba = graph->cross_validate(settings, folds, rounds, {threads, job});
    std::copy(proba.begin(), proba.end(), out);
  });
}

// smoothGraph(graph, ownWeight, goldWeight, rounds (0: own posteriors alone), fold (-1: none hidden), folds, proba,
// evidence, state, weight, mean, threads, control)
Napi::Value smooth(const Napi::CallbackInfo& info) {
  const auto graph = graph_arg(info);
  const SmoothingSettings settings{double_arg(info, 1), double_arg(info, 2)};
  const int rounds = static_cast<int>(int_arg(info, 3));
  const HiddenGold hidden{int_arg(info, 4), int_arg(info, 5)};
  const int64_t rows = graph->rows(), classes = graph->classes();
  auto* proba = array_arg<double>(info, 6, rows * classes);
  auto* evidence = array_arg<uint8_t>(info, 7, rows);
  auto* state = array_arg<double>(info, 8, rows * classes);
  auto* weight = array_arg<double>(info, 9, rows);
  auto* mean = array_arg<double>(info, 10, classes);
  const int threads = static_cast<int>(int_arg(info, 11));
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job};
    const SmoothedRows out = rounds == 0 ? graph->alone(options) : graph->smooth(settings, hidden, rounds, options);
    std::copy(out.proba.begin(), out.proba.end(), proba);
    std::copy(out.evidence.begin(), out.evidence.end(), evidence);
    std::copy(out.beliefs.state.begin(), out.beliefs.state.end(), state);
    std::copy(out.beliefs.weight.begin(), out.beliefs.weight.end(), weight);
    std::copy(out.beliefs.mean.begin(), out.beliefs.mean.end(), mean);
  });
}

// posteriorGraphGold(graph) -> Float64Array gold rows x K: what the gold rows' own votes say, in their order
Napi::Value gold_rows(const Napi::CallbackInfo& info) {
  const auto graph = graph_arg(info);
  auto out = Napi::Float64Array::New(info.Env(), graph->gold().size() * static_cast<size_t>(graph->classes()));
  double* to = out.Data();
  for (const int32_t row : graph->gold()) to = std::copy_n(graph->proba(row), graph->classes(), to);
  return out;
}

}  // namespace

void register_posterior_graph(Napi::Env env, Napi::Object exports) {
  exports.Set("newPosteriorGraph", Napi::Function::New(env, new_graph));
  exports.Set("fillPosteriorGraph", Napi::Function::New(env, fill_graph));
  exports.Set("posteriorFolds", Napi::Function::New(env, cross_validate));
  exports.Set("smoothGraph", Napi::Function::New(env, smooth));
  exports.Set("posteriorGraphGold", Napi::Function::New(env, gold_rows));
}

}  // namespace nearvote::node

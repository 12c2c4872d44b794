// Graph models. A fit crosses the border as plain float64 numbers:
//   lfs, tasks, transition (4, zeros: none), groups, then per group: task, exponent, k, its k LFs, 2 * 3^k log
//   likelihoods; per task in the order of the forest: task, parent, 4 probabilities, correlation; per LF: accuracy,
//   coverage, low, high.
#include "core/label_model/dependencies.h"
#include "core/label_model/graph_flyingsquid.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/handle.h"
#include "node/job.h"
#include "node/votes.h"

namespace nearvote::node {

template <>
struct HandleTraits<GraphFit> {
  static constexpr const char* name = "GraphFit";
  static constexpr napi_type_tag tag = {0x6e65617276746533, 0x6772617068666974};
};

namespace {

std::vector<double> flatten(const GraphFit& fit) {
  const GraphModel& model = fit.model;
  std::vector<double> flat = {static_cast<double>(model.lfs), static_cast<double>(model.tasks)};
  const auto add_table = [&](const std::array<std::array<double, 2>, 2>& table) {
    for (const auto& row : table) flat.insert(flat.end(), row.begin(), row.end());
  };
  add_table(model.transition);
  flat.push_back(static_cast<double>(model.groups.size()));
  for (const GroupTable& group : model.groups) {
    flat.insert(flat.end(), {static_cast<double>(group.task), group.exponent, static_cast<double>(group.lfs.size())});
    for (const int64_t lf : group.lfs) flat.push_back(static_cast<double>(lf));
    flat.insert(flat.end(), group.log_likelihood.begin(), group.log_likelihood.end());
  }
  for (size_t at = 0; at < model.order.size(); ++at) {
    flat.insert(flat.end(), {static_cast<double>(model.order[at].task), static_cast<double>(model.order[at].parent)});
    add_table(model.order[at].probability);
    flat.push_back(fit.correlations[at]);
  }
  for (const LfStrength& lf : fit.lfs) flat.insert(flat.end(), {lf.accuracy, lf.coverage, lf.low, lf.high});
  return flat;
}

// Reads what flatten() wrote; every index is checked, since the numbers may come from a file.
class Reader {
 public:
  Reader(Napi::Env env, const double* data, int64_t length) : env_(env), data_(data), length_(length) {}

  double number() {
    if (at_ == length_) throw Napi::RangeError::New(env_, "Expected more numbers in a graph model");
    return data_[at_++];
  }
  int64_t index(int64_t low, int64_t high) {
    const double value = number();
    if (!(value >= static_cast<double>(low) && value < static_cast<double>(high)))
      throw Napi::RangeError::New(env_, "Expected a valid index in a graph model");
    return static_cast<int64_t>(value);
  }

 private:
  Napi::Env env_;
  const double* data_;
  int64_t length_, at_ = 0;
};

GraphModel unflatten(const Napi::CallbackInfo& info, size_t argument) {
  Reader read(info.Env(), array_arg<double>(info, argument, -1), array_length(info, argument));
  constexpr int64_t kMany = int64_t{1} << 31;
  GraphModel model;
  model.lfs = read.index(0, kMany);
  model.tasks = read.index(1, kMany);
  const auto read_table = [&](std::array<std::array<double, 2>, 2>& table) {
    for (auto& row : table)
      for (double& p : row) p = read.number();
  };
  read_table(model.transition);
  model.groups.resize(static_cast<size_t>(read.index(0, kMany)));
  for (GroupTable& group : model.groups) {
    group.task = read.index(0, model.tasks);
    group.exponent = read.number();
    group.lfs.resize(static_cast<size_t>(read.index(1, kMaxClique + 1)));
    size_t outcomes = 1;
    for (int64_t& lf : group.lfs) {
      lf = read.index(0, model.lfs);
      outcomes *= 3;
    }
    group.log_likelihood.resize(2 * outcomes);
    for (double& value : group.log_likelihood) value = read.number();
  }
  for (int64_t at = 0; at < model.tasks; ++at) {
    TaskTable table;
    table.task = read.index(0, model.tasks);
    table.parent = read.index(-1, model.tasks);
    read_table(table.probability);
    read.number();  // the correlation is for people
    model.order.push_back(table);
  }
  return model;
}

std::vector<std::pair<int64_t, int64_t>> edges_arg(const Napi::CallbackInfo& info, size_t index) {
  const auto* flat = array_arg<int32_t>(info, index, -1);
  std::vector<std::pair<int64_t, int64_t>> edges;
  for (int64_t i = 0; i + 1 < array_length(info, index); i += 2) edges.emplace_back(flat[i], flat[i + 1]);
  return edges;
}

// Lengths of sequences that add up to `rows`, or an empty list for undefined.
std::vector<int64_t> lengths_arg(const Napi::CallbackInfo& info, size_t index, int64_t rows) {
  if (info[index].IsUndefined()) return {};
  const auto* flat = array_arg<int32_t>(info, index, -1);
  std::vector<int64_t> lengths(flat, flat + array_length(info, index));
  int64_t sum = 0;
  for (const int64_t length : lengths) sum += length < 0 ? rows + 1 : length;
  if (sum != rows) throw Napi::RangeError::New(info.Env(), "Expected lengths that add up to the rows");
  return lengths;
}

Napi::Value new_graph_fit(const Napi::CallbackInfo& info) { return Handle<GraphFit>::make(info.Env()); }

// fitGraph(handle, votes (3), tasks, task edges, LF tasks, LF edges, positive (tasks), joint (2^tasks, or empty:
// estimated),
//          lengths | undefined, compat: '' | 'mean' | 'median', triplets, threads, control)
// joint: P(Y), lexicographic with -1 first, the first task the most significant.
Napi::Value fit_graph_call(const Napi::CallbackInfo& info) {
  auto handle = Handle<GraphFit>::from(info[0]);
  const auto votes = matrix_arg<const int8_t>(info, 1);
  GraphSpec spec;
  spec.lfs = votes.cols;
  spec.tasks = int_arg(info, 4);
  spec.task_edges = edges_arg(info, 5);
  const auto* lf_tasks = array_arg<int32_t>(info, 6, votes.cols);
  spec.lf_tasks.assign(lf_tasks, lf_tasks + votes.cols);
  spec.lf_edges = edges_arg(info, 7);
  TaskBalance balance;
  const auto* positive = array_arg<double>(info, 8, spec.tasks);
  balance.positive.assign(positive, positive + spec.tasks);
  const auto* joint = array_arg<double>(info, 9, -1);
  const std::vector<double> full(joint, joint + array_length(info, 9));
  if (!full.empty() && (spec.tasks > 20 || full.size() != size_t{1} << spec.tasks))
    throw Napi::RangeError::New(info.Env(), "Expected 2^tasks numbers");
  const bool sequences = !info[10].IsUndefined();
  const auto lengths = lengths_arg(info, 10, votes.rows);
  const std::string compat = info[11].ToString().Utf8Value();
  FlyingSquidOptions options;
  options.median = compat == "median";
  const auto* triplets = array_arg<int32_t>(info, 12, -1);
  for (int64_t t = 0; t + 2 < array_length(info, 12); t += 3) {
    for (int64_t s = 0; s < 3; ++s)
      if (triplets[t + s] < 0 || triplets[t + s] >= votes.cols)
        throw Napi::RangeError::New(info.Env(), "Expected LF indices");
    options.triplets.push_back({triplets[t], triplets[t + 1], triplets[t + 2]});
  }
  return run_call(info, [=](const JobControl& job) {
    TaskBalance task_balance = balance;
    if (!full.empty()) {
      for (const TaskNode& node : analyse_graph(spec).order) {
        std::array<double, 4> pair{};
        for (size_t labels = 0; labels < full.size(); ++labels) {
          const auto bit = [&](int64_t task) { return task < 0 ? 0 : labels >> (spec.tasks - 1 - task) & 1; };
          pair[2 * bit(node.parent) + bit(node.task)] += full[labels];
        }
        task_balance.edges.push_back(pair);
      }
    }
    GraphFit fit = sequences        ? fit_sequences(votes, spec, balance.positive[0], lengths, job)
                   : compat.empty() ? fit_graph(votes, spec, task_balance, job)
                                    : fit_graph_flyingsquid(votes, spec, task_balance, options, job);
    handle->value = std::make_shared<GraphFit>(std::move(fit));
  });
}

// graphFitNumbers(handle) -> Float64Array
Napi::Value graph_fit_numbers(const Napi::CallbackInfo& info) {
  const std::vector<double> flat = flatten(*Handle<GraphFit>::open(info[0]));
  auto out = Napi::Float64Array::New(info.Env(), flat.size());
  std::copy(flat.begin(), flat.end(), out.Data());
  return out;
}

// predictGraph(numbers, votes (3), lengths | undefined, out, threads, control)
Napi::Value predict_graph_call(const Napi::CallbackInfo& info) {
  const GraphModel model = unflatten(info, 0);
  const auto votes = matrix_arg<const int8_t>(info, 1);
  if (votes.cols != model.lfs) throw Napi::RangeError::New(info.Env(), "Expected the model's labelling functions");
  const bool sequences = !info[4].IsUndefined();
  const auto lengths = lengths_arg(info, 4, votes.rows);
  double* out = array_arg<double>(info, 5, votes.rows * model.tasks);
  const int threads = static_cast<int>(int_arg(info, 6));
  return run_call(info, [=](const JobControl& job) {
    predict_graph(model, votes, sequences ? &lengths : nullptr, out, threads, job);
  });
}

// suggestDependencies(counts, lfs) -> Float64Array of a, b, correlation, z per suggestion
Napi::Value suggest(const Napi::CallbackInfo& info) {
  const int64_t lfs = int_arg(info, 1);
  const auto* counts = array_arg<double>(info, 0, flat_counts_length(VoteDomain{}, lfs));
  const auto found = suggest_dependencies(unflatten_counts(counts, VoteDomain{}, lfs));
  auto out = Napi::Float64Array::New(info.Env(), found.size() * 4);
  double* next = out.Data();
  for (const Dependency& pair : found)
    for (const double value : {static_cast<double>(pair.a), static_cast<double>(pair.b), pair.correlation, pair.z})
      *next++ = value;
  return out;
}

}  // namespace

void register_graph_model(Napi::Env env, Napi::Object exports) {
  exports.Set("newGraphFit", Napi::Function::New(env, new_graph_fit));
  exports.Set("fitGraph", Napi::Function::New(env, fit_graph_call));
  exports.Set("graphFitNumbers", Napi::Function::New(env, graph_fit_numbers));
  exports.Set("suggestDependencies", Napi::Function::New(env, suggest));
  exports.Set("predictGraph", Napi::Function::New(env, predict_graph_call));
}

}  // namespace nearvote::node

// Distances, top-k, extension and nearest voters. Outputs are typed arrays of the caller, filled in place.
#include <string>

#include "core/neighbors/extend.h"
#include "core/neighbors/k_nearest_voters.h"
#include "core/neighbors/nearest_voters.h"
#include "core/neighbors/pairwise.h"
#include "core/neighbors/top_k.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/cuda_library.h"
#include "node/embedding_set.h"
#include "node/job.h"
#include "node/votes.h"

namespace nearvote::node {

template <>
struct HandleTraits<NearestVoters> {
  static constexpr const char* name = "NearestVoters";
  static constexpr napi_type_tag tag = {0x6e65617276746532, 0x6e656172766f7465};
};

namespace {

// pairwise(a (3), b (3), metric, output: 'similarity' | 'distance', precise, out, threads, cuda, control)
Napi::Value pairwise_values(const Napi::CallbackInfo& info) {
  const OperandPair operands{Operand(info, 0, "a"), Operand(info, 3, "b")};
  const Metric metric = metric_arg(info, 6);
  const auto output =
      info[7].ToString().Utf8Value() == "distance" ? PairwiseOutput::distance : PairwiseOutput::similarity;
  const bool precise = bool_arg(info, 8);
  float* out = array_arg<float>(info, 9, int_arg(info, 1) * int_arg(info, 4));
  const int threads = static_cast<int>(int_arg(info, 10));
  const Device* device = device_arg(info, 11);
  return run_call(info, [=](const JobControl& job) {
    PairwiseOptions options;
    options.threads = threads;
    options.job = job;
    options.device = device;
    options.precise = precise;
    const auto sets = operands.resolve(metric, options, Packing::none);
    pairwise(*sets.a, *sets.b, output, out, options);
  });
}

// topK(queries (3), support (3), metric, k, indices, scores, threads, cuda, control)
Napi::Value top_k_rows(const Napi::CallbackInfo& info) {
  const OperandPair operands{Operand(info, 0, "queries"), Operand(info, 3, "support")};
  const Metric metric = metric_arg(info, 6);
  const int64_t k = int_arg(info, 7);
  const int64_t cells = int_arg(info, 1) * k;
  auto* indices = array_arg<int32_t>(info, 8, cells);
  auto* scores = array_arg<float>(info, 9, cells);
  const int threads = static_cast<int>(int_arg(info, 10));
  const Device* device = device_arg(info, 11);
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job, device};
    const auto sets = operands.resolve(metric, options);
    top_k(*sets.a, *sets.b, k, indices, scores, options);
  });
}

// What extension and nearest voters start with: queries (3), query votes (3), support (3), support votes (3), classes,
// metric; 14 arguments.
struct VoteOperands {
  explicit VoteOperands(const Napi::CallbackInfo& info, size_t first)
      : embeddings{Operand(info, first, "embeddings"), Operand(info, first + 6, "support.embeddings")},
        query_votes(matrix_arg<const int8_t>(info, first + 3)),
        support_votes(matrix_arg<const int8_t>(info, first + 9)),
        domain(domain_arg(info, first + 12)),
        metric(metric_arg(info, first + 13)) {
    if (int_arg(info, first + 1) != query_votes.rows || int_arg(info, first + 7) != support_votes.rows) {
      throw Napi::RangeError::New(info.Env(), "Expected as many vote rows as embedding rows");
    }
  }

  OperandPair embeddings;
  VoteMatrix query_votes, support_votes;
  VoteDomain domain;
  Metric metric;
};

// extendVotes(VoteOperands (14), thresholds, votes, neighbors, scores, threads, cuda, control)
Napi::Value extend_votes_call(const Napi::CallbackInfo& info) {
  const VoteOperands in(info, 0);
  const int64_t cells = in.query_votes.size();
  const double* thresholds = array_arg<double>(info, 14, in.query_votes.cols);
  auto* votes = array_arg<int8_t>(info, 15, cells);
  auto* neighbors = array_arg<int32_t>(info, 16, cells);
  auto* scores = array_arg<float>(info, 17, cells);
  const int threads = static_cast<int>(int_arg(info, 18));
  const Device* device = device_arg(info, 19);
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job, device};
    const auto& [a, b] = in.embeddings;
    if (a.is_matrix() && b.is_matrix()) {
      extend_votes({a.matrix(), b.matrix(), in.metric, a.name(), b.name()}, in.query_votes, in.support_votes, in.domain,
                   thresholds, votes, neighbors, scores, options);
      return;
    }
    const auto sets = in.embeddings.resolve(in.metric, options);
    extend_votes(*sets.a, in.query_votes, *sets.b, in.support_votes, in.domain, thresholds, votes, neighbors, scores,
                 options);
  });
}

// kNearestVoters(VoteOperands (14), k, scores, neighbors, shares, threads, cuda, control)
Napi::Value k_nearest_voters_call(const Napi::CallbackInfo& info) {
  const VoteOperands in(info, 0);
  const int64_t cells = in.query_votes.size();
  const int64_t k = int_arg(info, 14);
  const SoftVotes out{array_arg<float>(info, 15, cells), array_arg<int32_t>(info, 16, cells),
                      array_arg<float>(info, 17, cells * in.domain.classes)};
  const int threads = static_cast<int>(int_arg(info, 18));
  const Device* device = device_arg(info, 19);
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job, device};
    const auto sets = in.embeddings.resolve(in.metric, options);
    k_nearest_voters(*sets.a, in.query_votes, *sets.b, in.support_votes, in.domain, k, out, options);
  });
}

// newNearestVoters() -> an empty handle, filled by fillNearestVoters
Napi::Value new_nearest_voters(const Napi::CallbackInfo& info) { return Handle<NearestVoters>::make(info.Env()); }

// fillNearestVoters(handle, VoteOperands (14), threads, cuda, control)
Napi::Value fill_nearest_voters(const Napi::CallbackInfo& info) {
  auto handle = Handle<NearestVoters>::from(info[0]);
  const VoteOperands in(info, 1);
  const int threads = static_cast<int>(int_arg(info, 15));
  const Device* device = device_arg(info, 16);
  return run_call(
      info,
      [=](const JobControl& job) {
        const RunOptions options{threads, job, device};
        const auto sets = in.embeddings.resolve(in.metric, options);
        handle->value =
            std::make_shared<NearestVoters>(*sets.a, in.query_votes, *sets.b, in.support_votes, in.domain, options);
      },
      [handle](Napi::Env env) { handle->report_memory(env, handle->value->bytes()); });
}

// nearestVotersExtend(handle, thresholds, votes, neighbors | undefined, scores | undefined, control)
Napi::Value nearest_voters_extend(const Napi::CallbackInfo& info) {
  const auto voters = Handle<NearestVoters>::open(info[0]);
  const int64_t cells = voters->rows() * voters->lfs();
  const double* thresholds = array_arg<double>(info, 1, voters->lfs());
  auto* votes = array_arg<int8_t>(info, 2, cells);
  auto* neighbors = info[3].IsUndefined() ? nullptr : array_arg<int32_t>(info, 3, cells);
  auto* scores = info[4].IsUndefined() ? nullptr : array_arg<float>(info, 4, cells);
  return run_call(info, [=](const JobControl&) { voters->extend(thresholds, votes, neighbors, scores); });
}

// nearestVotersNearest(handle, class index, rows: Int32Array n x m, scores: Float64Array n x m)
Napi::Value nearest_voters_nearest(const Napi::CallbackInfo& info) {
  const auto voters = Handle<NearestVoters>::open(info[0]);
  const int class_index = static_cast<int>(int_arg(info, 1));
  const int64_t cells = voters->rows() * voters->lfs();
  auto* rows = array_arg<int32_t>(info, 2, cells);
  auto* scores = array_arg<double>(info, 3, cells);
  if (class_index < 0 || class_index >= voters->classes()) {
    throw Napi::RangeError::New(info.Env(), "Expected a class index below the number of classes");
  }
  for (int64_t i = 0; i < voters->rows(); ++i) {
    for (int64_t j = 0; j < voters->lfs(); ++j) {
      const auto nearest = voters->nearest(i, j, class_index);
      rows[i * voters->lfs() + j] = nearest.row;
      scores[i * voters->lfs() + j] = nearest.score;
    }
  }
  return info.Env().Undefined();
}

// closeNearestVoters(handle)
Napi::Value close_nearest_voters(const Napi::CallbackInfo& info) {
  Handle<NearestVoters>::from(info[0])->close(info.Env());
  return info.Env().Undefined();
}

}  // namespace

void register_neighbors(Napi::Env env, Napi::Object exports) {
  exports.Set("pairwise", Napi::Function::New(env, pairwise_values));
  exports.Set("topK", Napi::Function::New(env, top_k_rows));
  exports.Set("extendVotes", Napi::Function::New(env, extend_votes_call));
  exports.Set("kNearestVoters", Napi::Function::New(env, k_nearest_voters_call));
  exports.Set("newNearestVoters", Napi::Function::New(env, new_nearest_voters));
  exports.Set("fillNearestVoters", Napi::Function::New(env, fill_nearest_voters));
  exports.Set("nearestVotersExtend", Napi::Function::New(env, nearest_voters_extend));
  exports.Set("nearestVotersNearest", Napi::Function::New(env, nearest_voters_nearest));
  exports.Set("closeNearestVoters", Napi::Function::New(env, close_nearest_voters));
}

}  // namespace nearvote::node

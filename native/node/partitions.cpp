// Partitions of an embedding space. Centres cross as k x d float64.
#include <algorithm>

#include "core/neighbors/kmeans.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/embedding_set.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

Rows placed(const Rows& rows) { return {rows.data, rows.rows, rows.dims, rows.stride}; }

// fitPartitions(embeddings (3), k, centres out, threads, control)
Napi::Value fit(const Napi::CallbackInfo& info) {
  const Operand embeddings(info, 0, "embeddings");
  const int64_t k = int_arg(info, 3);
  auto* out = array_arg<double>(info, 4, k * embeddings.rows().dims);
  const int threads = static_cast<int>(int_arg(info, 5));
  return run_call(info, [=](const JobControl& job) {
    const std::vector<double> centres = fit_partitions(placed(embeddings.rows()), k, threads, job);
    std::copy(centres.begin(), centres.end(), out);
  });
}

// assignPartitions(embeddings (3), centres, k, out: int32 n, threads, control)
Napi::Value assign(const Napi::CallbackInfo& info) {
  const Operand embeddings(info, 0, "embeddings");
  const Rows rows = embeddings.rows();
  const int64_t k = int_arg(info, 4);
  const auto* centres = array_arg<double>(info, 3, k * rows.dims);
  auto* out = array_arg<int32_t>(info, 5, rows.rows);
  const int threads = static_cast<int>(int_arg(info, 6));
  return run_call(info, [=](const JobControl& job) {
    assign_partitions(placed(embeddings.rows()), {centres, centres + k * rows.dims}, k, out, threads, job);
  });
}

}  // namespace

void register_partitions(Napi::Env env, Napi::Object exports) {
  exports.Set("fitPartitions", Napi::Function::New(env, fit));
  exports.Set("assignPartitions", Napi::Function::New(env, assign));
}

}  // namespace nearvote::node

// Posteriors from soft votes.
#include "core/label_model/soft_posterior.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/job.h"
#include "node/label_model.h"
#include "node/votes.h"

namespace nearvote::node {
namespace {

// predictSoft(votes (3), classes, model, shares: float32 n x m x K, out: float64 n x K, threads, control)
Napi::Value predict_soft_votes(const Napi::CallbackInfo& info) {
  const auto votes = matrix_arg<const int8_t>(info, 0);
  const VoteDomain domain = domain_arg(info, 3);
  const LabelModel model =
      unflatten_model(array_arg<double>(info, 4, flat_model_length(domain, votes.cols)), domain, votes.cols);
  const auto* shares = array_arg<float>(info, 5, votes.size() * domain.classes);
  auto* out = array_arg<double>(info, 6, votes.rows * domain.classes);
  const int threads = static_cast<int>(int_arg(info, 7));
  return run_call(info, [=](const JobControl& job) { predict_soft(model, votes, shares, out, threads, job); });
}

}  // namespace

void register_soft_votes(Napi::Env env, Napi::Object exports) {
  exports.Set("predictSoft", Napi::Function::New(env, predict_soft_votes));
}

}  // namespace nearvote::node

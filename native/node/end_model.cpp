// Logistic regression on embeddings. The model crosses as one Float64Array, logits x (d + 1), as core lays it out.
#include <algorithm>

#include "core/end_model/logistic.h"
#include "node/addon.h"
#include "node/args.h"
#include "node/embedding_set.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

int64_t logits_of(int classes) { return classes == 2 ? 1 : classes; }

// fitEndModel(embeddings (3), proba, classes, row weights | undefined, l2, max iterations, weights out, summary out,
//             threads, control)
Napi::Value fit_end_model_call(const Napi::CallbackInfo& info) {
  const Operand embeddings(info, 0, "embeddings");
  const Rows rows = embeddings.rows();
  const int classes = static_cast<int>(int_arg(info, 4));
  const int64_t logits = logits_of(classes);
  const double* proba = array_arg<double>(info, 3, rows.rows * logits);
  const double* row_weights = info[5].IsUndefined() ? nullptr : array_arg<double>(info, 5, rows.rows);
  EndModelOptions options;
  options.l2 = double_arg(info, 6);
  options.max_iterations = static_cast<int>(int_arg(info, 7));
  double* weights = array_arg<double>(info, 8, logits * (rows.dims + 1));
  double* summary = array_arg<double>(info, 9, 3);
  options.threads = static_cast<int>(int_arg(info, 10));
  return run_call(info, [=](const JobControl& job) {
    const EndModel model = fit_end_model(embeddings.rows(), proba, classes, row_weights, options, job);
    std::copy(model.weights.begin(), model.weights.end(), weights);
    summary[0] = model.iterations;
    summary[1] = model.loss;
    summary[2] = model.converged ? 1 : 0;
  });
}

// predictEndModel(embeddings (3), classes, weights, out, threads, control)
Napi::Value predict_end_model_call(const Napi::CallbackInfo& info) {
  const Operand embeddings(info, 0, "embeddings");
  const Rows rows = embeddings.rows();
  const int64_t logits = logits_of(static_cast<int>(int_arg(info, 3)));
  const double* weights = array_arg<double>(info, 4, logits * (rows.dims + 1));
  double* out = array_arg<double>(info, 5, rows.rows * logits);
  const int threads = static_cast<int>(int_arg(info, 6));
  return run_call(info, [=](const JobControl& job) {
    EndModel model;
    model.dims = rows.dims;
    model.logits = static_cast<int>(logits);
    model.weights.assign(weights, weights + logits * (rows.dims + 1));
    predict_end_model(model, embeddings.rows(), out, threads, job);
  });
}

// gatherRows(embeddings (3), row numbers, out): some rows as the set holds them
Napi::Value gather_rows(const Napi::CallbackInfo& info) {
  const Operand embeddings(info, 0, "embeddings");
  const Rows rows = embeddings.rows();
  const auto* wanted = array_arg<int32_t>(info, 3, -1);
  const int64_t count = array_length(info, 3);
  auto* out = array_arg<float>(info, 4, count * rows.dims);
  for (int64_t i = 0; i < count; ++i) {
    if (wanted[i] < 0 || wanted[i] >= rows.rows) throw Napi::RangeError::New(info.Env(), "Expected row numbers");
    std::copy_n(rows.row(wanted[i]), rows.dims, out + i * rows.dims);
  }
  return info.Env().Undefined();
}

}  // namespace

void register_end_model(Napi::Env env, Napi::Object exports) {
  exports.Set("fitEndModel", Napi::Function::New(env, fit_end_model_call));
  exports.Set("gatherRows", Napi::Function::New(env, gather_rows));
  exports.Set("predictEndModel", Napi::Function::New(env, predict_end_model_call));
}

}  // namespace nearvote::node

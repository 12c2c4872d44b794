// Fitting and applying of embedding transforms. Outputs are typed arrays of the caller, filled in place.
#include "core/neighbors/embedding_transform.h"

#include <algorithm>

#include "node/addon.h"
#include "node/args.h"
#include "node/job.h"

namespace nearvote::node {
namespace {

// fitTransform(rows (3), kind (0 centre, 1 whiten, 2 all but the top), directions, unit, mean (d), projection (as many
// rows of d as there can be), outDims (1), threads, control)
Napi::Value fit(const Napi::CallbackInfo& info) {
  const auto rows = matrix_arg<const float>(info, 0);
  const auto kind = static_cast<TransformKind>(int_arg(info, 3));
  const int64_t directions = int_arg(info, 4);
  const bool unit = bool_arg(info, 5);
  auto* mean = array_arg<double>(info, 6, rows.cols);
  auto* projection = array_arg<double>(info, 7, -1);
  const int64_t room = array_length(info, 7);
  auto* out_dims = array_arg<int32_t>(info, 8, 1);
  const int threads = static_cast<int>(int_arg(info, 9));
  const int64_t most = kind == TransformKind::centre   ? 0
                       : kind == TransformKind::whiten ? directions * rows.cols
                                                       : (rows.cols - directions) * rows.cols;
  if (directions < 0 || directions > rows.cols || room != most) {
    throw Napi::RangeError::New(info.Env(), "Expected directions up to the dimensions, and room for the projection");
  }
  return run_call(info, [=](const JobControl& job) {
    const EmbeddingTransform transform = fit_transform(rows, kind, directions, unit, threads, job);
    std::copy(transform.mean.begin(), transform.mean.end(), mean);
    std::copy(transform.projection.begin(), transform.projection.end(), projection);
    *out_dims = static_cast<int32_t>(transform.out_dims);
  });
}

// applyTransform(rows (3), unit, mean (d), projection (outDims x d, or empty), outDims, out, threads, control)
Napi::Value apply(const Napi::CallbackInfo& info) {
  const auto rows = matrix_arg<const float>(info, 0);
  const int64_t out_dims = int_arg(info, 6), length = array_length(info, 5);
  const auto* mean = array_arg<double>(info, 4, rows.cols);
  const auto* projection = array_arg<double>(info, 5, length == 0 ? 0 : out_dims * rows.cols);
  if (length == 0 && out_dims != rows.cols) throw Napi::RangeError::New(info.Env(), "Expected a projection");
  EmbeddingTransform transform{
      bool_arg(info, 3), rows.cols, out_dims, {mean, mean + rows.cols}, {projection, projection + length}};
  auto* out = array_arg<float>(info, 7, rows.rows * out_dims);
  const int threads = static_cast<int>(int_arg(info, 8));
  return run_call(info, [=](const JobControl& job) { apply_transform(transform, rows, out, threads, job); });
}

}  // namespace

void register_embedding_transform(Napi::Env env, Napi::Object exports) {
  exports.Set("fitTransform", Napi::Function::New(env, fit));
  exports.Set("applyTransform", Napi::Function::New(env, apply));
}

}  // namespace nearvote::node

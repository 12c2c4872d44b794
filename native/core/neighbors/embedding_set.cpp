#include "core/neighbors/embedding_set.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;

[[noreturn]] void report_non_finite(const float* row, int64_t index, int64_t dims) {
  int64_t column = 0;
  while (column + 1 < dims && std::isfinite(row[column])) ++column;
  throw expected("finite values", "embeddings",
                 (std::isnan(row[column]) ? std::string("NaN") : std::string("Infinity")) + " at row " +
                     std::to_string(index) + ", column " + std::to_string(column));
}

// x - x is 0 for finite x and NaN otherwise, and the sum vectorises.
bool all_finite(const float* row, int64_t dims) {
  float sum[8] = {};
  int64_t i = 0;
  for (; i + 8 <= dims; i += 8)
    for (int l = 0; l < 8; ++l) sum[l] += row[i + l] - row[i + l];
  for (; i < dims; ++i) sum[0] += row[i] - row[i];
  float total = 0;
  for (float s : sum) total += s;
  return total == 0;
}

}  // namespace

EmbeddingSet::EmbeddingSet(FloatMatrix rows, Metric metric, const RunOptions& options)
    : rows_(rows.rows), dims_(rows.cols), stride_((rows.cols + 15) / 16 * 16), metric_(metric) {
  if (dims_ < 1) throw expected("at least one column", "embeddings", std::to_string(dims_));
  if (rows_ < 0 || rows_ >= std::numeric_limits<int32_t>::max())
    throw expected("fewer than 2^31 rows", "embeddings", std::to_string(rows_));
  values_ = AlignedBuffer<float>(rows_ * stride_);
  std::vector<uint8_t> zero(metric == Metric::cosine ? static_cast<size_t>(rows_) : 0);

  const int64_t tasks = (rows_ + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(options.threads, tasks), [&](int64_t task, int) {
    options.job.check();
    const int64_t end = std::min(rows_, (task + 1) * kRowsPerTask);
    for (int64_t i = task * kRowsPerTask; i < end; ++i) {
      const float* source = rows.row(i);
      float* target = values_.data() + i * stride_;
      if (!all_finite(source, dims_)) report_non_finite(source, i, dims_);
      std::fill(target + dims_, target + stride_, 0.0f);
      if (metric != Metric::cosine) {
        std::memcpy(target, source, static_cast<size_t>(dims_) * sizeof(float));
        continue;
      }
      const double norm = std::sqrt(canonical_dot(source, source, dims_));
      zero[static_cast<size_t>(i)] = norm == 0;
      const double inverse = norm == 0 ? 0 : 1 / norm;
      for (int64_t c = 0; c < dims_; ++c) target[c] = static_cast<float>(static_cast<double>(source[c]) * inverse);
    }
  });
  if (std::any_of(zero.begin(), zero.end(), [](uint8_t z) { return z != 0; })) zero_rows_ = std::move(zero);
}

int64_t EmbeddingSet::bytes() const { return values_.bytes() + static_cast<int64_t>(zero_rows_.size()); }

void check_comparable(const EmbeddingSet& queries, const EmbeddingSet& support) {
  if (queries.dims() != support.dims())
    throw expected("embeddings with " + std::to_string(support.dims()) + " columns", "queries",
                   std::to_string(queries.dims()));
  if (queries.metric() != support.metric()) throw expected("one metric", "both embedding sets", "two");
}

}  // namespace nearvote

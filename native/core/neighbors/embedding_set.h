// The rows of an embedding matrix made ready for every search: checked, copied, normalised (cosine). The caller's
// memory is not kept.
//
// cosine: a row is divided by its norm once, as float((double)x * (1 / sqrt(canonical_dot(x, x)))). A zero row stays
// zero: its score is 0 in matrices and top-k, but it has no direction, so it neither gives nor receives votes in
// nearest voters and extension (is_zero tells). dot and l2 keep the values as they are and never report a zero row.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/aligned.h"
#include "core/base/matrix.h"
#include "core/neighbors/metric.h"
#include "core/neighbors/run_options.h"

namespace nearvote {

class EmbeddingSet {
 public:
  // rows: n x d, n >= 0, d >= 1, fewer than 2^31 rows. Throws InvalidArgument naming row and column of the first NaN or
  // Inf, Cancelled when the job is.
  EmbeddingSet(FloatMatrix rows, Metric metric, const RunOptions& options = {});

  int64_t rows() const { return rows_; }
  int64_t dims() const { return dims_; }
  Metric metric() const { return metric_; }
  int64_t bytes() const;  // memory held

  // Row i as used for scores; stride() floats apart, 64-byte aligned, zero beyond dims().
  const float* row(int64_t i) const { return values_.data() + i * stride_; }
  int64_t stride() const { return stride_; }
  bool is_zero(int64_t i) const { return !zero_rows_.empty() && zero_rows_[static_cast<size_t>(i)] != 0; }

 private:
  int64_t rows_;
  int64_t dims_;
  int64_t stride_;
  Metric metric_;
  AlignedBuffer<float> values_;
  std::vector<uint8_t> zero_rows_;  // empty: none
};

// Throws InvalidArgument unless the two sets have the same metric and dims.
void check_comparable(const EmbeddingSet& queries, const EmbeddingSet& support);

}  // namespace nearvote

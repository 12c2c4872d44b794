// A common centre of rows that share a direction. Embeddings of language models often do (mean cosines of .5 to .95):
// then all scores lie in a band hardly wider than the error of a filter on rounded rows, which grows with the norms of
// what is rounded. Rows are therefore rounded less a centre c: with x' = x - c, y' = y - c
//   x.y = x'.y' + c.y' + c.x.
// c.y' is a bias of the support row; c.x depends on the query alone and orders nothing.
#pragma once

#include <memory>

#include "core/base/aligned.h"
#include "core/base/matrix.h"
#include "core/neighbors/metric.h"
#include "core/simd/kernels.h"

namespace nearvote {

struct Centre {
  AlignedBuffer<float> values;  // dims
  double squares;               // canonical_dot(c, c)
  float norm;                   // upper bound

  // row - c, each value rounded once: at most 2^-24 of its magnitude is lost.
  void subtract_from(const float* row, float* out) const {
    const float* c = values.data();
    for (int64_t i = 0; i < values.size(); ++i) out[i] = row[i] - c[i];
  }
};

// The mean of a sample of the rows (normalised for cosine; rows that are zero or not finite left out), where it holds
// enough of their mean square for the filter to gain; else null. Any centre would be valid: only speed depends on it.
std::shared_ptr<const Centre> common_centre(FloatMatrix rows, Metric metric, const simd::Kernels& kernels);

}  // namespace nearvote

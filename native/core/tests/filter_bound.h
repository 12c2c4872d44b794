// Whether filter scores keep their bound, by their definition (neighbors/filter.h).
#pragma once

#include "core/neighbors/filter.h"
#include "core/tests/neighbors_reference.h"

namespace nearvote::reference {

// |score - x.y (l2: less |y|^2 / 2; with a centre c: less c.x)| <= error for up to 64 queries as they are loaded, and
// what score_below makes of the canonical key is below.
inline bool within_bound(const EmbeddingSet& queries, const EmbeddingSet& support) {
  const FilterSupport filter(support);
  const int64_t count = std::min<int64_t>(queries.rows(), 64), dims = support.dims();
  const bool l2 = support.metric() == Metric::l2;
  QueryBlock block(queries, filter, 64);
  block.load(0, count);
  for (int64_t b = 0; b < filter.blocks(); ++b) {
    block.compute(b);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t r = 0; r < filter.block_rows(b); ++r) {
        const float *x = queries.row(i), *y = support.row(b * simd::kBlockRows + r);
        double exact = dot(x, y, dims), key = exact;
        if (l2) exact -= dot(y, y, dims) / 2, key = -squared_distance(x, y, dims);
        if (support.centre() != nullptr) exact -= dot(support.centre()->values.data(), x, dims);
        const double score = block.tile(i / simd::kLanes)[r * simd::kLanes + i % simd::kLanes];
        const double error = block.error(i / simd::kLanes)[i % simd::kLanes];
        if (!(std::fabs(score - exact) <= error && block.score_below(i, key) <= score + error)) return false;
      }
  }
  return true;
}

}  // namespace nearvote::reference

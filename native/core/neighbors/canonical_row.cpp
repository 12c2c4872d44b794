#include "core/neighbors/canonical_row.h"

#include <algorithm>

namespace nearvote {
CanonicalRow::CanonicalRow(const EmbeddingSet& queries, const EmbeddingSet& support)
    : queries_(queries),
      support_(support),
      padded_dims_((queries.dims() + 7) / 8 * 8),
      query_(padded_dims_),
      rows_(queries.borrows() || support.borrows() ? 4 * support.stride() : 0) {}

void CanonicalRow::set_query(int64_t query) {
  const float* row = queries_.row(query, rows_.data());
  for (int64_t i = 0; i < padded_dims_; ++i) query_[i] = row[i];
}

void CanonicalRow::keys(const int32_t* rows, int64_t count, double* keys) const {
  const bool l2 = support_.metric() == Metric::l2;
  const auto score4 = l2 ? support_.kernels().squared_distance4 : support_.kernels().dot4;
  const auto row = [&](int64_t i) { return rows[std::min(i, count - 1)]; };
  for (int64_t i = 0; i < count; i += 4) {
    const float *y[4], *next[4];
    for (int64_t r = 0; r < 4; ++r) {
      y[r] = support_.row(row(i + r), rows_.data() + r * support_.stride());
      next[r] = support_.source(row(i + 4 + r));
    }
    double scores[4];
    score4(query_.data(), y, next, padded_dims_, scores);
    for (int64_t r = 0; r < std::min<int64_t>(4, count - i); ++r) keys[i + r] = l2 ? -scores[r] : scores[r];
  }
}

}  // namespace nearvote

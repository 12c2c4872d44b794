#include "core/neighbors/top_k.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"

namespace nearvote {

void top_k(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k, int32_t* indices, float* scores,
           const RunOptions& options) {
  check_comparable(queries, support);
  if (k < 1 || k > support.rows()) throw expected("1 to " + std::to_string(support.rows()), "k", std::to_string(k));
  const Metric metric = queries.metric();
  parallel_for(queries.rows(), effective_threads(options.threads, queries.rows()), [&](int64_t i, int) {
    options.job.check();
    std::vector<double> keys(static_cast<size_t>(support.rows()));
    for (int64_t s = 0; s < support.rows(); ++s)
      keys[static_cast<size_t>(s)] = canonical_key(metric, queries.row(i), support.row(s), queries.dims());
    std::vector<int32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int32_t a, int32_t b) {
      const double x = keys[static_cast<size_t>(a)], y = keys[static_cast<size_t>(b)];
      return x != y ? x > y : a < b;
    });
    for (int64_t r = 0; r < k; ++r) {
      const int32_t index = order[static_cast<size_t>(r)];
      indices[i * k + r] = index;
      scores[i * k + r] = static_cast<float>(score_of_key(metric, keys[static_cast<size_t>(index)]));
    }
  });
}

}  // namespace nearvote

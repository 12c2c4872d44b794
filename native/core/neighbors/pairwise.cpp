#include "core/neighbors/pairwise.h"

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"

namespace nearvote {

void pairwise(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, float* out,
              const PairwiseOptions& options) {
  check_comparable(a, b);
  const Metric metric = a.metric();
  if (metric == Metric::l2 && output == PairwiseOutput::similarity)
    throw expected("cosine or dot", "metric of a similarity", "l2");
  if (metric == Metric::dot && output == PairwiseOutput::distance)
    throw expected("cosine or l2", "metric of a distance", "dot");

  parallel_for(a.rows(), effective_threads(options.threads, a.rows()), [&](int64_t i, int) {
    options.job.check();
    for (int64_t j = 0; j < b.rows(); ++j) {
      const double score = score_of_key(metric, canonical_key(metric, a.row(i), b.row(j), a.dims()));
      const bool complement = metric == Metric::cosine && output == PairwiseOutput::distance;
      out[i * b.rows() + j] = static_cast<float>(complement ? 1 - score : score);
    }
  });
}

}  // namespace nearvote

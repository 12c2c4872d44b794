#include "core/session/tail_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/filter.h"

namespace nearvote {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kQueries = 64;  // of one block; a multiple of simd::kLanes

}  // namespace

TailScores::TailScores(const EmbeddingSet& set, int64_t first, const RunOptions& options)
    : first_(first), rows_(set.rows()), scores_(count() * rows_), error_(static_cast<size_t>(count()), kInfinity) {
  if (!filterable(set, set)) {
    std::fill_n(scores_.data(), scores_.size(), 0.0f);  // says nothing, and its error is unbounded
    return;
  }
  const FilterSupport support(set);
  const int64_t blocks = support.blocks();
  const int threads = effective_threads(options.threads, blocks);
  std::vector<int32_t> came(static_cast<size_t>(count()));
  std::iota(came.begin(), came.end(), static_cast<int32_t>(first));
  for (int64_t begin = 0; begin < count(); begin += kQueries) {
    const int64_t queries = std::min(kQueries, count() - begin);
    // What the filter leaves out.
    const auto shift = [&](int64_t q) {
      const double own = support.own_term(set.row(first + begin + q));
      return static_cast<float>(set.metric() == Metric::l2 ? -own / 2 : own);
    };
    std::vector<std::unique_ptr<QueryBlock>> scratches(static_cast<size_t>(threads));
    parallel_for(blocks, threads, [&](int64_t b, int thread) {
      options.job.check();
      auto& block = scratches[static_cast<size_t>(thread)];
      if (block == nullptr) {
        block = std::make_unique<QueryBlock>(set, support, (queries + simd::kLanes - 1) / simd::kLanes * simd::kLanes);
        block->load_rows(came.data() + begin, queries);
      }
      block->compute(b);
      for (int64_t q = 0; q < queries; ++q) {
        const float* tile = block->tile(q / simd::kLanes) + q % simd::kLanes;
        float* out = scores_.data() + (begin + q) * rows_ + b * simd::kBlockRows;
        const float more = shift(q);
        for (int64_t r = 0; r < support.block_rows(b); ++r) out[r] = tile[r * simd::kLanes] + more;
      }
    });
    const auto& any = *std::find_if(scratches.begin(), scratches.end(), [](const auto& s) { return s != nullptr; });
    for (int64_t q = 0; q < queries; ++q) {
      const double norm = set.filter_norm(first + begin + q), own = std::fabs(static_cast<double>(shift(q)));
      const double magnitude = norm * set.max_filter_norm() + set.max_bias() + own;
      const double error = any->error(q / simd::kLanes)[q % simd::kLanes];
      error_[static_cast<size_t>(begin + q)] = static_cast<float>((error + 0x1p-20 * magnitude) * (1 + 0x1p-20));
    }
  }
}

}  // namespace nearvote

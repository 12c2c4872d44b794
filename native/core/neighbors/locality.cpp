#include "core/neighbors/locality.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/filter.h"

namespace nearvote {
namespace {

constexpr int64_t kBlock = 256;
constexpr int64_t kRowsPerPivot = 64, kMostPivots = 256, kSamplePerPivot = 4;

// rows: ascending. Hands every filter score of theirs against the pivots to take(position in rows, pivot, score).
template <class Take>
void score(const EmbeddingSet& set, const std::vector<int32_t>& rows, const FilterSupport& pivots, int threads,
           const JobControl& job, Take&& take) {
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t tasks = (count + kBlock - 1) / kBlock;
  threads = effective_threads(threads, tasks);
  std::vector<std::unique_ptr<QueryBlock>> blocks(static_cast<size_t>(threads));
  parallel_for(tasks, threads, [&](int64_t task, int thread) {
    auto& block = blocks[static_cast<size_t>(thread)];
    if (block == nullptr) block = std::make_unique<QueryBlock>(set, pivots, kBlock);
    const int64_t first = task * kBlock, in_block = std::min(kBlock, count - first);
    const int32_t* chosen = rows.data() + first;
    if (chosen[0] == first && chosen[in_block - 1] == first + in_block - 1)
      block->load(first, in_block);
    else
      block->load_rows(chosen, in_block);
    job.check();
    for (int64_t b = 0; b < pivots.blocks(); ++b) {
      block->compute(b);
      for (int64_t i = 0; i < in_block; ++i) {
        const float* tile = block->tile(i / simd::kLanes) + i % simd::kLanes;
        for (int64_t p = 0; p < pivots.block_rows(b); ++p)
          take(first + i, b * simd::kBlockRows + p, tile[p * simd::kLanes]);
      }
    }
  });
}

std::vector<int32_t> nearest_pivots(const EmbeddingSet& set, const std::vector<int32_t>& rows,
                                    const FilterSupport& pivots, int threads, const JobControl& job) {
  std::vector<int32_t> nearest(rows.size());
  std::vector<float> best(rows.size(), -std::numeric_limits<float>::infinity());
  score(set, rows, pivots, threads, job, [&](int64_t row, int64_t pivot, float value) {
    const auto at = static_cast<size_t>(row);
    if (value <= best[at]) return;
    best[at] = value;
    nearest[at] = static_cast<int32_t>(pivot);
  });
  return nearest;
}

// Pivots from an even sample, each the row least near to those before it, in the order of a path that goes from each to
// the nearest one left.
std::vector<int32_t> choose_pivots(const EmbeddingSet& set, const std::vector<int32_t>& rows, int64_t count,
                                   int threads, const JobControl& job) {
  const auto searched = static_cast<int64_t>(rows.size());
  const auto size = static_cast<size_t>(std::min(searched, kSamplePerPivot * count));
  std::vector<int32_t> sample;
  for (size_t i = 0; i < size; ++i) sample.push_back(rows[i * rows.size() / size]);
  std::vector<float> nearness(size * size);
  score(set, sample, FilterSupport(set, sample, threads), threads, job, [&](int64_t row, int64_t other, float value) {
    const auto at = static_cast<size_t>(row);
    // The score lacks what depends on the row as a query: its own bias, but for a constant.
    nearness[at * size + static_cast<size_t>(other)] = set.bias() == nullptr ? value : value + set.bias()[sample[at]];
  });

  std::vector<size_t> chosen{0};
  std::vector<float> best(nearness.begin(), nearness.begin() + static_cast<int64_t>(size));
  while (static_cast<int64_t>(chosen.size()) < count) {
    chosen.push_back(static_cast<size_t>(std::min_element(best.begin(), best.end()) - best.begin()));
    for (size_t i = 0; i < size; ++i) best[i] = std::max(best[i], nearness[chosen.back() * size + i]);
  }

  std::vector<int32_t> path;
  for (size_t at = 0; !chosen.empty();) {
    const size_t from = chosen[at];
    path.push_back(sample[from]);
    chosen.erase(chosen.begin() + static_cast<int64_t>(at));
    const auto nearer = [&](size_t a, size_t b) { return nearness[from * size + a] < nearness[from * size + b]; };
    at = static_cast<size_t>(std::max_element(chosen.begin(), chosen.end(), nearer) - chosen.begin());
  }
  return path;
}

// The rows sorted by their nearest pivot; within one in the order given. begins: per pivot, and the end.
std::vector<int32_t> sort_by_pivot(const std::vector<int32_t>& rows, const std::vector<int32_t>& nearest,
                                   int64_t pivots, std::vector<int64_t>& begins) {
  begins.assign(static_cast<size_t>(pivots) + 1, 0);
  for (const int32_t pivot : nearest) ++begins[static_cast<size_t>(pivot) + 1];
  for (size_t p = 1; p < begins.size(); ++p) begins[p] += begins[p - 1];
  std::vector<int64_t> next = begins;
  std::vector<int32_t> sorted(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    sorted[static_cast<size_t>(next[static_cast<size_t>(nearest[i])]++)] = rows[i];
  return sorted;
}

}  // namespace

LocalityOrder locality_order(const EmbeddingSet& queries, const EmbeddingSet& support, const std::vector<int32_t>& rows,
                             int threads, const JobControl& job) {
  const int64_t count = std::clamp<int64_t>(static_cast<int64_t>(rows.size()) / kRowsPerPivot, 1, kMostPivots);
  const FilterSupport pivots(support, choose_pivots(support, rows, count, threads, job), threads);

  LocalityOrder order;
  std::vector<int64_t> support_begins, query_begins;
  std::vector<int32_t> nearest = nearest_pivots(support, rows, pivots, threads, job);
  order.support = sort_by_pivot(rows, nearest, count, support_begins);
  std::vector<int32_t> all(static_cast<size_t>(queries.rows()));
  std::iota(all.begin(), all.end(), 0);
  if (&queries != &support || rows.size() != all.size()) nearest = nearest_pivots(queries, all, pivots, threads, job);
  order.queries = sort_by_pivot(all, nearest, count, query_begins);
  order.starts.resize(all.size());
  for (size_t p = 0; p + 1 < query_begins.size(); ++p)
    std::fill(order.starts.begin() + query_begins[p], order.starts.begin() + query_begins[p + 1], support_begins[p]);
  return order;
}

}  // namespace nearvote

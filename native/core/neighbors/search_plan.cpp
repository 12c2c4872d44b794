#include "core/neighbors/search_plan.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "core/neighbors/mutual_voters.h"

namespace nearvote {
namespace {

constexpr double kDirectBelow = 1 << 18;  // multiply-adds; about 50 us
constexpr double kSerialBelow = 1 << 21;
constexpr int64_t kOrderFrom = 4096;                 // rows
constexpr int64_t kOrderedBytes = int64_t{1} << 30;  // packed
// A join of rows with themselves keeps the cells of all of them: no more than twice what the rows take, or this.
constexpr int64_t kMutualBytes = int64_t{1} << 27;

}  // namespace

SearchPlan plan_search(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t searched_rows, int threads,
                       int64_t mutual_cells) {
  const double work =
      static_cast<double>(queries.rows()) * static_cast<double>(searched_rows) * static_cast<double>(queries.dims());
  SearchPlan plan;
  plan.direct = work < kDirectBelow || !filterable(queries, support);
  plan.support_blocks = (searched_rows + simd::kBlockRows - 1) / simd::kBlockRows;
  const int wanted = work < kSerialBelow ? 1 : effective_threads(threads, 1 << 20);
  const int64_t tiles = MutualVoters::tiles(searched_rows);
  const int64_t row_bytes = queries.rows() * queries.stride() * static_cast<int64_t>(sizeof(float));
  plan.mutual = mutual_cells > 0 && !plan.direct && &queries == &support && tiles >= 8 * wanted &&
                searched_rows * mutual_cells * SearchPlan::kCellBytes <= std::max(kMutualBytes, 2 * row_bytes);
  const int64_t others = queries.rows() - (plan.mutual ? searched_rows : 0);
  // Large blocks read the support less often, small ones keep every thread busy. The packed queries share the second
  // level cache with a tile, so fewer fit when they are float32.
  plan.block = support.precision() == simd::Precision::f32 ? 128 : 256;
  const auto blocks = [&] { return (others + plan.block - 1) / plan.block; };
  while (plan.block > 64 && blocks() < 4 * wanted) plan.block /= 2;
  plan.query_blocks = blocks();
  plan.segments = 1;
  if (!plan.mutual && !support.borrows() && wanted > 1 && plan.query_blocks > 0 && plan.query_blocks < 2 * wanted)
    plan.segments = std::clamp<int64_t>(4 * wanted / plan.query_blocks, 1, std::max<int64_t>(1, plan.support_blocks));
  plan.threads = effective_threads(wanted, plan.mutual ? tiles : plan.tasks());
  // The order costs a few hundred products per row and, of rounded operands at hand, a copy of the packed support.
  const bool copied = support.precision() != simd::Precision::f32 && !support.borrows();
  plan.by_locality = !plan.direct && plan.segments == 1 && support.metric() != Metric::dot &&
                     std::min(queries.rows(), searched_rows) >= kOrderFrom &&
                     (!copied || searched_rows * support.steps() * simd::kLineBytes <= kOrderedBytes);
  return plan;
}

}  // namespace nearvote

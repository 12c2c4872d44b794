#include "core/session/smoothed_lists.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;

// Most lists that change do so behind what smoothing reads.
bool same_front(const NeighborLists& a, const NeighborLists& b, int64_t row, int64_t k) {
  const int64_t count = std::min(k, a.count(row));
  return count == std::min(k, b.count(row)) &&
         (a.same_list(b, row) || std::equal(a.entries(row), a.entries(row) + count, b.entries(row)));
}

}  // namespace

std::shared_ptr<const SmoothingLists> SmoothedLists::of(const std::shared_ptr<const NeighborLists>& source,
                                                        Metric metric, int64_t k, const RunOptions& options) {
  const int64_t rows = source->rows();
  std::shared_ptr<const NeighborLists> shown = std::move(source_);
  source_ = nullptr;  // until every list is there
  if (lists_ == nullptr || lists_->k() != k || rows > room_) {
    room_ = rows + rows / 8;
    lists_ = std::make_shared<SmoothingLists>(k, room_);
    shown = nullptr;
  }
  lists_->resize(rows);
  const int64_t kept = shown == nullptr ? 0 : std::min(rows, shown->rows());
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(options.threads, tasks), [&](int64_t task, int) {
    options.job.check();
    std::vector<int32_t> indices(static_cast<size_t>(k));
    std::vector<float> weights(indices.size());
    for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) {
      if (row < kept && same_front(*shown, *source, row, k)) continue;
      const int64_t count = std::min(k, source->count(row));
      std::transform(source->entries(row), source->entries(row) + count, indices.begin(), NeighborLists::row_of);
      std::copy_n(source->scores(row), count, weights.begin());
      std::fill(indices.begin() + count, indices.end(), -1);
      neighbor_weights(metric, indices.data(), weights.data(), 1, k, 1);
      lists_->set(row, indices.data(), weights.data());
    }
  });
  source_ = source;
  return lists_;
}

}  // namespace nearvote

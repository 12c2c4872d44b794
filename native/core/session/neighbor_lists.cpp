#include "core/session/neighbor_lists.h"

#include <algorithm>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/top_k.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;

}  // namespace

int64_t NeighborLists::default_length(int64_t rows) {
  return std::clamp<int64_t>((int64_t{1} << 25) / std::max<int64_t>(rows, 1), 64, 256);
}

// A row finds itself in its own list, so one slot more is kept.
NeighborLists::NeighborLists(int64_t rows, int64_t length)
    : stride_(length + 1),
      storage_(std::make_shared<ListStorage>(rows, stride_)),
      blocks_(storage_->blocks()),
      slots_(static_cast<size_t>(rows)),
      counts_(static_cast<size_t>(rows)),
      last_(static_cast<size_t>(rows)) {
  std::iota(slots_.begin(), slots_.end(), 0);
}

NeighborLists::NeighborLists(const NeighborLists& old, int64_t rows)
    : stride_(old.stride_), storage_(old.storage_), blocks_(old.blocks_) {
  const auto take = [&](auto& values, const auto& from) {
    values.reserve(static_cast<size_t>(rows));
    values.assign(from.begin(), from.end());
  };
  take(slots_, old.slots_);
  take(counts_, old.counts_);
  take(last_, old.last_);
  storage_->hold(slots_);
}

NeighborLists::~NeighborLists() {
  if (storage_ != nullptr) storage_->release(slots_);
}

NeighborLists::NeighborLists(const EmbeddingSet& set, int64_t length, const RunOptions& options)
    : NeighborLists(set.rows(), length) {
  const int64_t n = rows();
  if (n == 0) return;
  const int64_t k = std::min(stride_, n);
  uint32_t* all = entries(0);  // the slots of new lists lie one after the other
  float* all_scores = scores(0);
  top_k(set, set, k, reinterpret_cast<int32_t*>(all), all_scores, options);
  // Few rows: spread the k columns to the full stride, last row first so that nothing is overwritten unread.
  for (int64_t row = n - 1; k < stride_ && row > 0; --row) {
    std::copy_backward(all + row * k, all + (row + 1) * k, all + row * stride_ + k);
    std::copy_backward(all_scores + row * k, all_scores + (row + 1) * k, all_scores + row * stride_ + k);
  }
  const int64_t tasks = (n + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(options.threads, tasks), [&](int64_t task, int) {
    options.job.check();
    for (int64_t row = task * kRowsPerTask; row < std::min(n, (task + 1) * kRowsPerTask); ++row) finish(set, row, k);
  });
}

// Of the `all` nearest rows takes the row itself out (or, behind as many equal rows of lower index, the last one).
void NeighborLists::finish(const EmbeddingSet& set, int64_t row, int64_t all) {
  uint32_t* list = entries(row);
  float* score = scores(row);
  const int64_t self = std::min(std::find(list, list + all, static_cast<uint32_t>(row)) - list, all - 1);
  std::copy(list + self + 1, list + all, list + self);
  std::copy(score + self + 1, score + all, score + self);
  close(row, all - 1);
  mark_ties(set, row);
}

void NeighborLists::mark_ties(const EmbeddingSet& set, int64_t row) {
  uint32_t* list = entries(row);
  const float* score = scores(row);
  for (int64_t e = 1; e < count(row); ++e) {
    if (score[e] != score[e - 1]) continue;
    const auto key = [&](int64_t at) {
      return canonical_key(set.metric(), set.row(row), set.row(row_of(list[at])), set.dims());
    };
    if (key(e) == key(e - 1)) list[e] |= kTieBit;
  }
}

}  // namespace nearvote

#include "core/session/neighbor_lists.h"

#include <algorithm>

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
    : rows_(rows), stride_(length + 1), entries_(rows * stride_), scores_(rows * stride_), counts_(rows) {}

NeighborLists::NeighborLists(const EmbeddingSet& set, int64_t length, const RunOptions& options)
    : NeighborLists(set.rows(), length) {
  if (rows_ == 0) return;
  const int64_t k = std::min(stride_, rows_);
  top_k(set, set, k, reinterpret_cast<int32_t*>(entries_.data()), scores_.data(), options);
  // Few rows: spread the k columns to the full stride, last row first so that nothing is overwritten unread.
  for (int64_t row = rows_ - 1; k < stride_ && row > 0; --row) {
    std::copy_backward(entries_.data() + row * k, entries_.data() + (row + 1) * k, entries_.data() + row * stride_ + k);
    std::copy_backward(scores_.data() + row * k, scores_.data() + (row + 1) * k, scores_.data() + row * stride_ + k);
  }
  const int64_t tasks = (rows_ + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(options.threads, tasks), [&](int64_t task, int) {
    options.job.check();
    for (int64_t row = task * kRowsPerTask; row < std::min(rows_, (task + 1) * kRowsPerTask); ++row) {
      counts_[row] = static_cast<int32_t>(k);
      finish(set, row);
    }
  });
}

// Takes the row itself out (or, behind as many equal rows of lower index, the last entry).
void NeighborLists::finish(const EmbeddingSet& set, int64_t row) {
  uint32_t* entries = entries_.data() + row * stride_;
  float* scores = scores_.data() + row * stride_;
  const int64_t count = counts_[row];
  const int64_t self = std::min(std::find(entries, entries + count, static_cast<uint32_t>(row)) - entries, count - 1);
  std::copy(entries + self + 1, entries + count, entries + self);
  std::copy(scores + self + 1, scores + count, scores + self);
  counts_[row] = static_cast<int32_t>(count - 1);
  mark_ties(set, row);
}

void NeighborLists::mark_ties(const EmbeddingSet& set, int64_t row) {
  uint32_t* entries = entries_.data() + row * stride_;
  const float* scores = scores_.data() + row * stride_;
  for (int64_t e = 1; e < counts_[row]; ++e) {
    if (scores[e] != scores[e - 1]) continue;
    const auto key = [&](int64_t at) {
      return canonical_key(set.metric(), set.row(row), set.row(row_of(entries[at])), set.dims());
    };
    if (key(e) == key(e - 1)) entries[e] |= kTieBit;
  }
}

}  // namespace nearvote

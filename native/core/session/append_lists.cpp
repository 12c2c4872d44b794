// Neighbour lists of a set that grew: top-k for the rows that came, and for the others a range search among those rows,
// from the last entry of each list on.
#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/filter.h"
#include "core/neighbors/top_k.h"
#include "core/session/neighbor_lists.h"

namespace nearvote {
namespace {

constexpr int64_t kBlock = 128;  // queries a task; a multiple of simd::kLanes
constexpr int64_t kRowsPerTask = 1024;

}  // namespace

struct NeighborLists::Incoming {
  double key;
  int32_t row;
};

NeighborLists::NeighborLists(const EmbeddingSet& set, const EmbeddingSet& tail, const NeighborLists& old,
                             std::vector<uint8_t>& changed, const RunOptions& options)
    : NeighborLists(set.rows(), old.length()) {
  const int64_t before = old.rows();
  changed.assign(static_cast<size_t>(rows_), 1);
  const int64_t copies = (before + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(copies, effective_threads(options.threads, copies), [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(before, (task + 1) * kRowsPerTask); ++row) {
      counts_[row] = old.counts_[row];
      std::copy_n(old.entries(row), counts_[row], entries(row));
      std::copy_n(old.scores(row), counts_[row], scores(row));
    }
  });

  std::vector<int32_t> came(static_cast<size_t>(rows_ - before));
  std::iota(came.begin(), came.end(), static_cast<int32_t>(before));
  const auto key_of_last = [&](int64_t row) {
    const int64_t count = counts_[row];
    if (count == before - 1 || count == 0) return -std::numeric_limits<double>::infinity();
    return canonical_key(set.metric(), set.row(row), set.row(row_of(entries(row)[count - 1])), set.dims());
  };

  const bool filtered = filterable(set, set);
  const FilterSupport support(set, came, options.threads);
  const int64_t tasks = (before + kBlock - 1) / kBlock;
  const int threads = effective_threads(options.threads, tasks);
  struct Scratch {
    Scratch(const EmbeddingSet& set, const FilterSupport& support) : block(set, support, kBlock), canonical(set, set) {}
    QueryBlock block;
    CanonicalRow canonical;
    std::vector<std::vector<int32_t>> candidates{static_cast<size_t>(kBlock)};
    std::vector<double> keys;
    std::vector<Incoming> incoming;
  };
  std::vector<std::unique_ptr<Scratch>> scratches(static_cast<size_t>(threads));
  parallel_for(tasks, threads, [&](int64_t task, int thread) {
    options.job.check();
    auto& scratch = scratches[static_cast<size_t>(thread)];
    if (scratch == nullptr) scratch = std::make_unique<Scratch>(set, support);
    const int64_t first = task * kBlock, count = std::min(kBlock, before - first);
    double last[kBlock];
    for (int64_t i = 0; i < count; ++i) last[i] = key_of_last(first + i);
    for (auto& list : scratch->candidates) list.clear();
    if (filtered) {
      scratch->block.load(first, count);
      float bound[kBlock];
      for (int64_t i = 0; i < count; ++i) bound[i] = scratch->block.score_below(i, last[i]);
      for (int64_t b = 0; b < support.blocks(); ++b) {
        scratch->block.compute(b);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t group = i / simd::kLanes, lane = i % simd::kLanes;
          const float *tile = scratch->block.tile(group) + lane, error = scratch->block.error(group)[lane];
          for (int64_t r = 0; r < support.block_rows(b); ++r)
            if (tile[r * simd::kLanes] + error >= bound[i])
              scratch->candidates[static_cast<size_t>(i)].push_back(support.row(b * simd::kBlockRows + r));
        }
      }
    } else {
      for (int64_t i = 0; i < count; ++i) scratch->candidates[static_cast<size_t>(i)] = came;
    }
    for (int64_t i = 0; i < count; ++i) {
      const auto& rows = scratch->candidates[static_cast<size_t>(i)];
      scratch->keys.resize(rows.size());
      scratch->canonical.set_query(first + i);
      scratch->canonical.keys(rows.data(), static_cast<int64_t>(rows.size()), scratch->keys.data());
      scratch->incoming.clear();
      // A row that came loses against any old one as near: its index is higher.
      for (size_t c = 0; c < rows.size(); ++c)
        if (scratch->keys[c] > last[i]) scratch->incoming.push_back({scratch->keys[c], rows[c]});
      changed[static_cast<size_t>(first + i)] =
          merge(set, first + i, scratch->incoming, counts_[first + i] == before - 1);
    }
  });

  // The rows that came look for their neighbours among all.
  const int64_t k = std::min(stride_, rows_);
  AlignedBuffer<int32_t> found(tail.rows() * k);
  AlignedBuffer<float> found_scores(tail.rows() * k);
  if (!came.empty()) top_k(tail, set, k, found.data(), found_scores.data(), options);
  for (size_t i = 0; i < came.size(); ++i) {
    const int64_t row = came[i];
    counts_[row] = static_cast<int32_t>(k);
    std::copy_n(found.data() + static_cast<int64_t>(i) * k, k, entries(row));
    std::copy_n(found_scores.data() + static_cast<int64_t>(i) * k, k, scores(row));
    finish(set, row);
  }
}

// Merges rows that came into the list of an old row: behind entries as near, as their indices are higher. True if any.
bool NeighborLists::merge(const EmbeddingSet& set, int64_t row, std::vector<Incoming>& incoming, bool complete) {
  if (incoming.empty()) return false;
  const Metric metric = set.metric();
  uint32_t* list = entries(row);
  float* score = scores(row);
  int64_t count = counts_[row];
  // A list that did not hold every row ends where its last entry ends: nothing is known beyond.
  const int64_t room = complete ? stride_ : std::max(stride_ - 1, count);
  const auto key_of = [&](int64_t e) {
    return canonical_key(metric, set.row(row), set.row(row_of(list[e])), set.dims());
  };
  std::sort(incoming.begin(), incoming.end(),
            [](const Incoming& a, const Incoming& b) { return a.key != b.key ? a.key > b.key : a.row < b.row; });
  for (const Incoming& came : incoming) {
    const auto rounded = static_cast<float>(score_of_key(metric, came.key));
    int64_t low = 0, high = count;  // the first entry that is farther
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      const bool farther = score[middle] == rounded ? key_of(middle) < came.key
                           : metric == Metric::l2   ? score[middle] > rounded
                                                    : score[middle] < rounded;
      (farther ? high : low) = farther ? middle : middle + 1;
    }
    if (low == room) break;
    count = std::min(count + 1, room);
    std::copy_backward(list + low, list + count - 1, list + count);
    std::copy_backward(score + low, score + count - 1, score + count);
    list[low] = static_cast<uint32_t>(came.row);
    score[low] = rounded;
    if (low > 0 && score[low - 1] == rounded && key_of(low - 1) == came.key) list[low] |= kTieBit;
  }
  counts_[row] = static_cast<int32_t>(count);
  return true;
}

}  // namespace nearvote

// Neighbour lists of a set that grew. An old row's list changes only where a row that came is nearer than its last
// entry: such lists are written anew, all others are shared. Rows that came look for their neighbours among all.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/canonical_row.h"
#include "core/session/neighbor_lists.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;

// A value that at least `wanted` of the scores reach, and hardly more: the scores are cut into parts, twice as many or
// more, and that many parts have a largest score that reaches it. -inf where there are too few scores for that.
float reached_by(const float* score, int64_t count, int64_t wanted) {
  constexpr int64_t kLanes = 16, kParts = 2;
  const int64_t depth = std::max<int64_t>(1, count / (kLanes * kParts * wanted)), whole = count / (kLanes * depth);
  std::vector<float> largest(static_cast<size_t>(whole * kLanes));
  if (static_cast<int64_t>(largest.size()) < wanted) return -std::numeric_limits<float>::infinity();
  for (int64_t part = 0; part < whole; ++part) {
    const float* from = score + part * depth * kLanes;
    float best[kLanes];
    std::copy_n(from, kLanes, best);
    for (int64_t d = 1; d < depth; ++d)
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const float other = from[d * kLanes + lane];
        best[lane] = best[lane] > other ? best[lane] : other;
      }
    std::copy_n(best, kLanes, largest.begin() + part * kLanes);
  }
  const auto last = largest.begin() + (wanted - 1);
  std::nth_element(largest.begin(), last, largest.end(), std::greater<>());
  return *last;
}

}  // namespace

struct NeighborLists::Incoming {
  int32_t row;   // whose list it enters
  int32_t came;  // the row that came
  double key;
};

NeighborLists::NeighborLists(const EmbeddingSet& set, const TailScores& tail, const NeighborLists& old,
                             const RunOptions& options)
    : NeighborLists(old) {
  const int64_t before = old.rows(), after = set.rows();
  const Metric metric = set.metric();
  const int64_t tasks = (before + kRowsPerTask - 1) / kRowsPerTask;
  const int threads = effective_threads(options.threads, tasks);
  // Lists that take any row.
  const auto open_ended = [&](int64_t row) { return old.complete(row) || old.count(row) == 0; };
  // A row that came loses against any old one as near: its index is higher.
  const auto before_last = [&](int64_t row, double key) {
    const auto rounded = static_cast<float>(score_of_key(metric, key));
    const float last = old.last_score(row);
    if (rounded != last) return metric == Metric::l2 ? rounded < last : rounded > last;
    const int32_t other = row_of(old.entries(row)[old.count(row) - 1]);
    return key > canonical_key(metric, set.row(row), set.row(other), set.dims());
  };

  std::vector<std::vector<Incoming>> incoming(static_cast<size_t>(tasks));
  parallel_for(tasks, threads, [&](int64_t task, int) {
    options.job.check();
    const int64_t first = task * kRowsPerTask, count = std::min(kRowsPerTask, before - first);
    auto& found = incoming[static_cast<size_t>(task)];
    float bound[kRowsPerTask];
    for (int64_t i = 0; i < count; ++i)
      bound[i] = open_ended(first + i) ? -std::numeric_limits<float>::infinity()
                                       : TailScores::below_score(metric, old.last_score(first + i));
    CanonicalRow canonical(set, set);
    std::vector<int32_t> rows;
    std::vector<double> keys;
    for (int64_t at = 0; at < tail.count(); ++at) {
      rows.clear();
      TailScores::for_reached(
          tail.of(at) + first, tail.error(at), count, [&](int64_t i) { return bound[i]; },
          [&](int64_t i) { rows.push_back(static_cast<int32_t>(first + i)); });
      keys.resize(rows.size());
      canonical.set_query(tail.first() + at);
      canonical.keys(rows.data(), static_cast<int64_t>(rows.size()), keys.data());
      for (size_t i = 0; i < rows.size(); ++i)
        if (open_ended(rows[i]) || before_last(rows[i], keys[i]))
          found.push_back({rows[i], static_cast<int32_t>(tail.first() + at), keys[i]});
    }
    std::sort(found.begin(), found.end(), [](const Incoming& a, const Incoming& b) {
      return a.row != b.row ? a.row < b.row : a.key != b.key ? a.key > b.key : a.came < b.came;
    });
  });

  // Slots of their own for the lists that change, and for the new ones.
  std::vector<int32_t> changed;
  for (const auto& found : incoming)
    for (const Incoming& item : found)
      if (changed.empty() || changed.back() != item.row) changed.push_back(item.row);
  std::vector<int32_t> fresh = storage_->take(static_cast<int64_t>(changed.size()) + tail.count());
  blocks_ = storage_->blocks();
  slots_.insert(slots_.end(), fresh.begin() + static_cast<std::ptrdiff_t>(changed.size()), fresh.end());
  counts_.resize(static_cast<size_t>(after));
  last_.resize(static_cast<size_t>(after));
  fresh.resize(changed.size());
  for (size_t i = 0; i < changed.size(); ++i) std::swap(slots_[static_cast<size_t>(changed[i])], fresh[i]);
  storage_->release(fresh);

  parallel_for(tasks, threads, [&](int64_t task, int) {
    const auto& found = incoming[static_cast<size_t>(task)];
    for (size_t begin = 0, end; begin < found.size(); begin = end) {
      const int32_t row = found[begin].row;
      for (end = begin; end < found.size() && found[end].row == row;) ++end;
      std::copy_n(old.entries(row), old.count(row), entries(row));
      std::copy_n(old.scores(row), old.count(row), scores(row));
      merge(set, row, found.data() + begin, static_cast<int64_t>(end - begin), old.complete(row));
    }
  });
  parallel_for(tail.count(), effective_threads(options.threads, tail.count()), [&](int64_t at, int) {
    options.job.check();
    search(set, tail, at);
  });
}

// Merges rows that came, nearest first, into the list of an old row: behind entries as near, as their indices are
// higher.
void NeighborLists::merge(const EmbeddingSet& set, int64_t row, const Incoming* incoming, int64_t items,
                          bool complete) {
  const Metric metric = set.metric();
  uint32_t* list = entries(row);
  float* score = scores(row);
  int64_t size = count(row);
  // A list that did not hold every row ends where its last entry ends: nothing is known beyond.
  const int64_t room = complete ? stride_ : std::max(stride_ - 1, size);
  const auto key_of = [&](int64_t e) {
    return canonical_key(metric, set.row(row), set.row(row_of(list[e])), set.dims());
  };
  for (const Incoming* came = incoming; came < incoming + items; ++came) {
    const auto rounded = static_cast<float>(score_of_key(metric, came->key));
    int64_t low = 0, high = size;  // the first entry that is farther
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      const bool farther = score[middle] == rounded ? key_of(middle) < came->key
                           : metric == Metric::l2   ? score[middle] > rounded
                                                    : score[middle] < rounded;
      (farther ? high : low) = farther ? middle : middle + 1;
    }
    if (low == room) break;
    size = std::min(size + 1, room);
    std::copy_backward(list + low, list + size - 1, list + size);
    std::copy_backward(score + low, score + size - 1, score + size);
    list[low] = static_cast<uint32_t>(came->came);
    score[low] = rounded;
    if (low > 0 && score[low - 1] == rounded && key_of(low - 1) == came->key) list[low] |= kTieBit;
  }
  close(row, size);
}

// The list of a row that came: its scores leave a few more candidates than entries, and keys decide.
void NeighborLists::search(const EmbeddingSet& set, const TailScores& tail, int64_t at) {
  const int64_t row = tail.first() + at, k = std::min(length(), tail.rows() - 1);
  if (k == 0) return close(row, 0);
  const float* score = tail.of(at);
  const float doubt = 2 * tail.error(at);
  std::vector<int32_t> rows;
  const auto keep_from = [&](float bound) {
    TailScores::for_reached(
        score, 0, tail.rows(), [&](int64_t) { return bound; },
        [&](int64_t i) {
          if (i != row) rows.push_back(static_cast<int32_t>(i));
        });
  };
  keep_from(reached_by(score, tail.rows(), k + 1) - doubt);  // one of them is the row itself
  const auto kth = rows.begin() + (k - 1);
  std::nth_element(rows.begin(), kth, rows.end(), [&](int32_t a, int32_t b) { return score[a] > score[b]; });
  const float bound = score[*kth] - doubt;
  std::erase_if(rows, [&](int32_t i) { return score[i] < bound; });

  std::vector<double> keys(rows.size());
  CanonicalRow canonical(set, set);
  canonical.set_query(row);
  canonical.keys(rows.data(), static_cast<int64_t>(rows.size()), keys.data());
  std::vector<int32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  const auto place = [](int32_t i) { return static_cast<size_t>(i); };
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int32_t a, int32_t b) {
    const double ka = keys[place(a)], kb = keys[place(b)];
    return ka != kb ? ka > kb : rows[place(a)] < rows[place(b)];
  });
  for (int64_t e = 0; e < k; ++e) {
    const size_t hit = place(order[static_cast<size_t>(e)]);
    const bool tie = e > 0 && keys[hit] == keys[place(order[static_cast<size_t>(e - 1)])];
    entries(row)[e] = static_cast<uint32_t>(rows[hit]) | (tie ? kTieBit : 0);
    scores(row)[e] = static_cast<float>(score_of_key(set.metric(), keys[hit]));
  }
  close(row, k);
}

}  // namespace nearvote

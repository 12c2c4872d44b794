// Neighbour lists of a set that grew. An old row's list changes only where a row that came is nearer than its last
// entry: such lists are written anew, all others are shared. Rows that came look for their neighbours among all.
#include <algorithm>
#include <functional>
#include <limits>

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
  const int64_t depth = std::max<int64_t>(1, count / (kParts * wanted)), whole = count / (kLanes * depth);
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
    : NeighborLists(old, set.rows()) {
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
      merge(set, old, row, found.data() + begin, static_cast<int64_t>(end - begin));
    }
  });
  parallel_for(tail.count(), effective_threads(options.threads, tail.count()), [&](int64_t at, int) {
    options.job.check();
    search(set, tail, at);
  });
}

// Writes the list of an old row with the rows that came, nearest first: behind entries as near, as their indices are
// higher.
void NeighborLists::merge(const EmbeddingSet& set, const NeighborLists& old, int64_t row, const Incoming* incoming,
                          int64_t items) {
  const Metric metric = set.metric();
  const uint32_t* from = old.entries(row);
  const float* from_score = old.scores(row);
  uint32_t* list = entries(row);
  float* score = scores(row);
  const int64_t known = old.count(row);
  // A list that did not hold every row ends where its last entry ends: nothing is known beyond.
  const int64_t room = old.complete(row) ? stride_ : std::max(stride_ - 1, known);
  const auto key_to = [&](uint32_t entry) {
    return canonical_key(metric, set.row(row), set.row(row_of(entry)), set.dims());
  };
  int64_t size = 0, taken = 0;  // entries written, old ones among them
  const auto take_until = [&](int64_t end) {
    const int64_t count = std::min(end - taken, room - size);
    std::copy_n(from + taken, count, list + size);
    std::copy_n(from_score + taken, count, score + size);
    taken = end;
    size += count;
  };
  for (const Incoming* came = incoming; came < incoming + items && size < room; ++came) {
    const auto rounded = static_cast<float>(score_of_key(metric, came->key));
    int64_t low = taken, high = known;  // the first entry that is farther
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      const float other = from_score[middle];
      const bool farther = other == rounded       ? key_to(from[middle]) < came->key
                           : metric == Metric::l2 ? other > rounded
                                                  : other < rounded;
      (farther ? high : low) = farther ? middle : middle + 1;
    }
    take_until(low);
    if (size == room) break;
    const bool tie = size > 0 && score[size - 1] == rounded && key_to(list[size - 1]) == came->key;
    list[size] = static_cast<uint32_t>(came->came) | (tie ? kTieBit : 0);
    score[size++] = rounded;
  }
  take_until(known);
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
  struct Hit {
    double key;
    int32_t row;
  };
  std::vector<Hit> hits(rows.size());
  for (size_t i = 0; i < hits.size(); ++i) hits[i] = {keys[i], rows[i]};
  std::sort(hits.begin(), hits.end(),
            [](const Hit& a, const Hit& b) { return a.key != b.key ? a.key > b.key : a.row < b.row; });
  uint32_t* list = entries(row);
  float* rounded = scores(row);
  for (int64_t e = 0; e < k; ++e) {
    const Hit& hit = hits[static_cast<size_t>(e)];
    const bool tie = e > 0 && hit.key == hits[static_cast<size_t>(e - 1)].key;
    list[e] = static_cast<uint32_t>(hit.row) | (tie ? kTieBit : 0);
    rounded[e] = static_cast<float>(score_of_key(set.metric(), hit.key));
  }
  close(row, k);
}

}  // namespace nearvote

#include "core/neighbors/self_join.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/block_keys.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/filter.h"
#include "core/neighbors/locality.h"

namespace nearvote {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kBlock = simd::kBlockRows;
constexpr int64_t kFewestBlocks = 8;
constexpr int64_t kMostBytes = int64_t{1} << 31;
constexpr int64_t kNear = 2;         // blocks on either side that every row meets before all others
constexpr int64_t kDecideTiles = 8;  // deciding a block takes about as long as so many tiles

int64_t capacity_for(int64_t k) { return 2 * k + 64; }

// A value that at least k of the scores reach, and hardly more.
float reached_by(const float* scores, int64_t count, int64_t k) {
  float low = kInfinity, high = -kInfinity;
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, scores[i]);
    high = std::max(high, scores[i]);
  }
  for (int step = 0; step < 16; ++step) {
    const float middle = low + (high - low) / 2;
    int32_t reaching = 0;
    for (int64_t i = 0; i < count; ++i) reaching += scores[i] >= middle;
    if (reaching < k) {
      high = middle;
    } else {
      low = middle;
      if (reaching <= k + k / 16) break;
    }
  }
  return low;
}

// Positions are places in the order of the search; blocks are kBlock positions each. Every pair of blocks is met once:
// block I sees the blocks behind it, half way around. The lists of a block are only touched under its lock.
class SelfJoin {
 public:
  SelfJoin(const EmbeddingSet& set, int64_t k, bool by_locality, int threads, const JobControl& job)
      : set_(set),
        job_(job),
        k_(k),
        capacity_(capacity_for(k)),
        threads_(threads),
        filter_(by_locality ? FilterSupport(set, near_together(set, threads, job), threads, job) : FilterSupport(set)),
        blocks_(filter_.blocks()),
        step_(set.precision() == simd::Precision::f32 ? kBlock / 2 : kBlock),
        bound_(blocks_ * kBlock),
        error_(blocks_ * kBlock),
        bias_(blocks_ * kBlock),
        count_(blocks_ * kBlock),
        rows_(set.rows() * capacity_),
        scores_(set.rows() * capacity_),
        locks_(static_cast<size_t>(blocks_)),
        workers_(static_cast<size_t>(threads)) {
    for (int64_t i = 0; i < bound_.size(); ++i) {
      bound_[i] = i < set.rows() ? -kInfinity : kInfinity;
      bias_[i] = i < set.rows() && set.bias() != nullptr ? set.bias()[filter_.row(i)] : 0;
      count_[i] = 0;
    }
  }

  void run(const std::function<void(int64_t, const std::vector<Hit>&)>& take) {
    const int64_t half = blocks_ / 2, near = std::min(kNear, half);
    parallel_for(blocks_, threads_, [&](int64_t block, int) {
      const int64_t first = block * kBlock, count = std::min(kBlock, set_.rows() - first);
      std::copy_n(terms_of_searched(filter_, first, count).error.begin(), count, error_.data() + first);
    });
    // Bounds tighten first: every row with its own block, then with those around it.
    products(0, 0);
    products(1, near);
    products(near + 1, half);
    parallel_for(blocks_, threads_, [&](int64_t block, int thread) {
      Worker& worker = worker_of(thread);
      const int64_t begin = block * kBlock, end = std::min(set_.rows(), begin + kBlock);
      job_.check();
      worker.block_keys.clear();
      for (int64_t at = begin; at < end; ++at) {
        cut(at);
        worker.block_keys.add(filter_.row(at), rows_.data() + at * capacity_, count_[at]);
      }
      const double* keys = worker.block_keys.compute();
      for (int64_t at = begin; at < end; keys += count_[at++]) {
        nearest_of(at, keys, worker.hits);
        take(filter_.row(at), worker.hits);
      }
      report(kDecideTiles);
    });
  }

 private:
  struct Worker {
    Worker(const EmbeddingSet& set, const FilterSupport& filter, int64_t step)
        : queries(set, filter, step), canonical(set, set), block_keys(set), found(kBlock * simd::kLanes) {}
    QueryBlock queries;
    CanonicalRow canonical;
    BlockKeys block_keys;
    AlignedBuffer<simd::PairHit> found;
    std::vector<double> keys;
    std::vector<Hit> hits;
  };

  static std::vector<int32_t> near_together(const EmbeddingSet& set, int threads, const JobControl& job) {
    std::vector<int32_t> all(static_cast<size_t>(set.rows()));
    std::iota(all.begin(), all.end(), 0);
    return locality_order(set, set, all, threads, job).support;
  }

  Worker& worker_of(int thread) {
    auto& worker = workers_[static_cast<size_t>(thread)];
    if (worker == nullptr) worker = std::make_unique<Worker>(set_, filter_, step_);
    return *worker;
  }

  void report(int64_t tiles) {
    const int64_t all = blocks_ * (blocks_ + 1) / 2 + blocks_ * kDecideTiles;
    job_.report(done_ += tiles, all);
  }

  // Calls body(worker, first position, block) for every part of a block that is searched at a time, loaded.
  template <class Body>
  void parts(Body&& body) {
    const int64_t tasks = (set_.rows() + step_ - 1) / step_;
    parallel_for(tasks, threads_, [&](int64_t task, int thread) {
      Worker& worker = worker_of(thread);
      const int64_t first = task * step_;
      worker.queries.load_searched(first, std::min(step_, set_.rows() - first));
      body(worker, first, first / kBlock);
    });
  }

  // Every block with those `nearest` to `farthest` places behind it.
  void products(int64_t nearest, int64_t farthest) {
    parts([&](Worker& worker, int64_t first, int64_t block) {
      int64_t tiles = 0;
      for (int64_t distance = nearest; distance <= farthest; ++distance) {
        // Blocks opposite each other meet once.
        if (2 * distance == blocks_ && block >= distance) continue;
        job_.check();
        tile(worker, first, block, (block + distance) % blocks_);
        ++tiles;
      }
      if (first % kBlock == 0) report(tiles);
    });
  }

  void tile(Worker& worker, int64_t first, int64_t block, int64_t other) {
    worker.queries.compute(other);
    std::unique_lock one(locks_[static_cast<size_t>(std::min(block, other))]);
    std::unique_lock two(locks_[static_cast<size_t>(std::max(block, other))], std::defer_lock);
    if (block != other) two.lock();
    const int64_t begin = other * kBlock;
    alignas(64) float row_bound[kBlock];
    for (int64_t group = 0; group < worker.queries.groups(); ++group) {
      const int64_t lanes = first + group * simd::kLanes;
      for (int64_t r = 0; r < kBlock; ++r) row_bound[r] = bound_[begin + r] + bias_[begin + r];
      const int64_t found =
          set_.kernels().scan_pairs(worker.queries.tile(group), filter_.block_rows(other), bound_.data() + lanes,
                                    bias_.data() + lanes, row_bound, worker.found.data());
      for (int64_t f = 0; f < found; ++f) {
        const simd::PairHit hit = worker.found[f];
        const int64_t i = lanes + hit.lane, j = begin + hit.row;
        if (i >= set_.rows() || (block == other && j < i)) continue;
        if (hit.score >= bound_[i]) add(i, j, hit.score, worker);
        if (i == j) continue;
        const float score = hit.score + (bias_[i] - bias_[j]);
        if (score >= bound_[j]) add(j, i, score, worker);
      }
    }
  }

  void add(int64_t at, int64_t neighbor, float score, Worker& worker) {
    if (count_[at] == capacity_) {
      cut(at);
      // Data the filter cannot tell apart: decide now.
      if (count_[at] > capacity_ - capacity_ / 8) settle(at, worker);
      if (score < bound_[at]) return;
    }
    const int64_t place = at * capacity_ + count_[at]++;
    rows_[place] = filter_.row(neighbor);
    scores_[place] = score;
  }

  // At least k rows have that filter score or more: rows two errors below are out.
  void cut(int64_t at) {
    float* scores = scores_.data() + at * capacity_;
    int32_t* rows = rows_.data() + at * capacity_;
    bound_[at] = std::max(bound_[at], reached_by(scores, count_[at], k_) - 2 * error_[at]);
    const float bound = bound_[at];
    int32_t kept = 0;
    for (int32_t i = 0; i < count_[at]; ++i) {
      const float score = scores[i];
      rows[kept] = rows[i];
      scores[kept] = score;
      kept += score >= bound;
    }
    count_[at] = kept;
  }

  void nearest_of(int64_t at, const double* keys, std::vector<Hit>& hits) const {
    hits.resize(static_cast<size_t>(count_[at]));
    for (size_t i = 0; i < hits.size(); ++i) hits[i] = {keys[i], rows_[at * capacity_ + static_cast<int64_t>(i)]};
    keep_best(hits, k_);
  }

  // Leaves the nearest k in a list, with their canonical scores in place of the filter's.
  void settle(int64_t at, Worker& worker) {
    worker.keys.resize(static_cast<size_t>(count_[at]));
    worker.canonical.set_query(filter_.row(at));
    worker.canonical.keys(rows_.data() + at * capacity_, count_[at], worker.keys.data());
    nearest_of(at, worker.keys.data(), worker.hits);
    const double own = filter_.own_term(set_.row(filter_.row(at)));
    count_[at] = static_cast<int32_t>(worker.hits.size());
    for (size_t i = 0; i < worker.hits.size(); ++i) {
      const int64_t place = at * capacity_ + static_cast<int64_t>(i);
      rows_[place] = worker.hits[i].row;
      scores_[place] = filter_score_below(set_.metric(), own, worker.hits[i].key);
    }
    bound_[at] = std::max(bound_[at], scores_[at * capacity_ + count_[at] - 1] - error_[at]);
  }

  const EmbeddingSet& set_;
  const JobControl& job_;
  int64_t k_;
  int64_t capacity_;  // of a list
  int threads_;
  FilterSupport filter_;
  int64_t blocks_;
  int64_t step_;  // queries at a time: float32 ones need twice the room in the second-level cache
  // Per position; what is beyond the rows is never a neighbour.
  AlignedBuffer<float> bound_;
  AlignedBuffer<float> error_;  // of the row's scores with any other
  AlignedBuffer<float> bias_;   // what tells its score for another row from the other's for it
  AlignedBuffer<int32_t> count_;
  AlignedBuffer<int32_t> rows_;  // capacity_ each, not positions
  AlignedBuffer<float> scores_;
  std::vector<std::mutex> locks_;  // per block
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<int64_t> done_{0};
};

}  // namespace

bool self_join_fits(const EmbeddingSet& set, int64_t k) {
  return set.rows() >= kFewestBlocks * kBlock && set.rows() <= kMostBytes / (8 * capacity_for(k));
}

void self_join(const EmbeddingSet& set, int64_t k, bool by_locality, int threads, const JobControl& job,
               const std::function<void(int64_t, const std::vector<Hit>&)>& take) {
  SelfJoin(set, k, by_locality, threads, job).run(take);
}

}  // namespace nearvote

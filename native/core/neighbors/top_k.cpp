#include "core/neighbors/top_k.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/device.h"
#include "core/neighbors/hits.h"
#include "core/neighbors/search_plan.h"
#include "core/neighbors/self_join.h"

namespace nearvote {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int32_t> all_rows(const EmbeddingSet& set) {
  std::vector<int32_t> rows(static_cast<size_t>(set.rows()));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i);
  return rows;
}

// Scratch of one thread: searches a block of queries in a range of support blocks.
class Worker {
 public:
  Worker(const EmbeddingSet& queries, const FilterSupport& filter, int64_t block, int64_t k, const JobControl& job)
      : queries_(queries),
        filter_(filter),
        job_(job),
        k_(k),
        settle_at_(std::max<int64_t>(4 * k, 64)),
        capacity_((settle_at_ + simd::kBlockRows + simd::kLanes - 1) / simd::kLanes * simd::kLanes),
        block_(queries, filter, block),
        canonical_(queries, filter.set()),
        bound_(block),
        count_(block),
        rows_(block * capacity_),
        scores_(block * capacity_),
        decided_(static_cast<size_t>(block)) {}

  // take(query, hits): the k nearest (fewer if the range has fewer rows), nearest first.
  template <class Take>
  void search(int64_t first, int64_t count, int64_t first_support, int64_t end_support, Take&& take) {
    block_.load(first, count);
    for (int64_t lane = 0; lane < block_.groups() * simd::kLanes; ++lane) {
      bound_[lane] = lane < count ? -kInfinity : kInfinity;
      count_[lane] = 0;
      decided_[static_cast<size_t>(lane)].clear();
    }
    for (int64_t b = first_support; b < end_support; ++b) {
      job_.check();
      block_.compute(b);
      for (int64_t group = 0; group < block_.groups(); ++group) scan(group, b, b == first_support);
    }
    for (int64_t lane = 0; lane < count; ++lane) {
      if (count_[lane] > k_) cut(lane);
      decide(lane);
      take(first + lane, decided_[static_cast<size_t>(lane)]);
    }
  }

 private:
  void scan(int64_t group, int64_t support_block, bool first_block) {
    const int64_t lanes = group * simd::kLanes, rows = filter_.block_rows(support_block);
    if (first_block) start_bounds(group, rows);
    queries_.kernels().scan_rows(block_.tile(group), rows, static_cast<int32_t>(support_block * simd::kBlockRows),
                                 bound_.data() + lanes, rows_.data() + lanes * capacity_,
                                 scores_.data() + lanes * capacity_, capacity_, count_.data() + lanes);
    for (int64_t lane = lanes; lane < lanes + simd::kLanes; ++lane) {
      if (count_[lane] < settle_at_) continue;
      cut(lane);
      // Data the filter cannot tell apart: decide now, so that lists stay short.
      if (count_[lane] >= settle_at_) decide(lane);
    }
  }

  // At least k rows reach the lowest of the maxima of k parts of the first tile: a bound that keeps most of that tile
  // off the lists.
  void start_bounds(int64_t group, int64_t rows) {
    if (k_ > rows) return;
    alignas(64) float reached[simd::kLanes];
    queries_.kernels().lowest_of_parts(block_.tile(group), rows, k_, reached);
    for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
      float& bound = bound_[group * simd::kLanes + lane];
      bound = std::max(bound, reached[lane] - 2 * block_.error(group)[lane]);
    }
  }

  // At least k rows have that filter score or more: rows two errors below are out.
  void cut(int64_t lane) {
    count_[lane] = queries_.kernels().cut_list(scores_.data() + lane * capacity_, rows_.data() + lane * capacity_,
                                               count_[lane], k_, 2 * block_.error(0)[lane], &bound_[lane]);
  }

  // Moves a lane's list, scored canonically, into its decided hits: first the k of the highest scores, as the k-th of
  // all decided ones may put most others out.
  void decide(int64_t lane) {
    const int64_t count = count_[lane], at = lane * capacity_;
    count_[lane] = 0;
    canonical_.set_query(block_.first() + lane);
    if (count <= k_) {
      decide_rows(lane, rows_.data() + at, count);
      return;
    }
    order_.resize(static_cast<size_t>(count));
    std::iota(order_.begin(), order_.end(), 0);
    const float* scores = scores_.data() + at;
    std::nth_element(order_.begin(), order_.begin() + k_ - 1, order_.end(),
                     [&](int32_t a, int32_t b) { return scores[a] > scores[b]; });
    chosen_.clear();
    for (int64_t i = 0; i < k_; ++i) chosen_.push_back(rows_[at + order_[static_cast<size_t>(i)]]);
    decide_rows(lane, chosen_.data(), k_);
    chosen_.clear();
    for (int64_t i = k_; i < count; ++i) {
      const int32_t place = order_[static_cast<size_t>(i)];
      if (scores[place] >= bound_[lane]) chosen_.push_back(rows_[at + place]);
    }
    decide_rows(lane, chosen_.data(), static_cast<int64_t>(chosen_.size()));
  }

  void decide_rows(int64_t lane, const int32_t* positions, int64_t count) {
    if (count == 0) return;
    std::vector<Hit>& hits = decided_[static_cast<size_t>(lane)];
    support_rows_.clear();
    for (int64_t i = 0; i < count; ++i) support_rows_.push_back(filter_.row(positions[i]));
    keys_.resize(static_cast<size_t>(count));
    canonical_.keys(support_rows_.data(), count, keys_.data());
    for (size_t i = 0; i < keys_.size(); ++i) hits.push_back({keys_[i], support_rows_[i]});
    keep_best(hits, k_);
    if (static_cast<int64_t>(hits.size()) == k_)
      bound_[lane] = std::max(bound_[lane], block_.score_below(lane, hits.back().key) - block_.error(0)[lane]);
  }

  const EmbeddingSet& queries_;
  const FilterSupport& filter_;
  const JobControl& job_;
  int64_t k_;
  int64_t settle_at_;  // a longer list is cut down
  int64_t capacity_;   // of a lane's list: room for one more block of rows
  QueryBlock block_;
  CanonicalRow canonical_;
  AlignedBuffer<float> bound_;
  AlignedBuffer<int32_t> count_;
  AlignedBuffer<int32_t> rows_;
  AlignedBuffer<float> scores_;
  std::vector<std::vector<Hit>> decided_;
  std::vector<int32_t> order_;
  std::vector<int32_t> chosen_;
  std::vector<int32_t> support_rows_;
  std::vector<double> keys_;
};

// Every pair canonically: small searches, norms no filter can handle, and a k near the number of rows.
template <class Take>
void search_directly(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k, int threads,
                     const JobControl& job, Take&& take) {
  const std::vector<int32_t> rows = all_rows(support);
  std::atomic<int64_t> done{0};
  parallel_for(queries.rows(), threads, [&](int64_t query, int) {
    CanonicalRow canonical(queries, support);
    canonical.set_query(query);
    std::vector<Hit> hits;
    double keys[simd::kBlockRows];
    for (int64_t first = 0; first < support.rows(); first += simd::kBlockRows) {
      job.check();
      const int64_t count = std::min<int64_t>(simd::kBlockRows, support.rows() - first);
      canonical.keys(rows.data() + first, count, keys);
      for (int64_t i = 0; i < count; ++i) hits.push_back({keys[i], static_cast<int32_t>(first + i)});
    }
    keep_best(hits, k);
    take(query, hits);
    job.report(++done, queries.rows());
  });
}

}  // namespace

void top_k(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k, int32_t* indices, float* scores,
           const RunOptions& options) {
  check_comparable(queries, support);
  if (k < 1 || k > support.rows()) throw expected("1 to " + std::to_string(support.rows()), "k", std::to_string(k));
  options.job.check();
  if (options.device != nullptr && queries.rows() > 0)
    return options.device->top_k(queries, support, k, indices, scores, options);
  const auto write = [&](int64_t query, const std::vector<Hit>& hits) {
    for (int64_t r = 0; r < k; ++r) {
      const Hit& hit = hits[static_cast<size_t>(r)];
      indices[query * k + r] = hit.row;
      scores[query * k + r] = static_cast<float>(score_of_key(queries.metric(), hit.key));
    }
  };

  const SearchPlan plan = plan_search(queries, support, support.rows(), options.threads);
  if (plan.direct || 8 * k > support.rows()) {
    search_directly(queries, support, k, plan.threads, options.job, write);
    options.job.report(1, 1);
    return;
  }

  if (&queries == &support && plan.segments == 1 && self_join_fits(support, k)) {
    self_join(support, k, plan.by_locality, plan.threads, options.job, write);
    options.job.report(1, 1);
    return;
  }

  const FilterSupport filter(support);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(plan.threads));
  // With several segments: the hits of every part, merged afterwards.
  std::vector<std::vector<Hit>> parts(plan.segments > 1 ? static_cast<size_t>(plan.segments * queries.rows()) : 0);
  std::atomic<int64_t> done{0};
  parallel_for(plan.tasks(), plan.threads, [&](int64_t task, int thread) {
    auto& worker = workers[static_cast<size_t>(thread)];
    if (worker == nullptr) worker = std::make_unique<Worker>(queries, filter, plan.block, k, options.job);
    const int64_t first = task / plan.segments * plan.block, segment = task % plan.segments;
    worker->search(first, std::min(plan.block, queries.rows() - first), plan.first_support_block(segment),
                   plan.first_support_block(segment + 1), [&](int64_t query, const std::vector<Hit>& hits) {
                     if (plan.segments == 1)
                       write(query, hits);
                     else
                       parts[static_cast<size_t>(query * plan.segments + segment)] = hits;
                   });
    options.job.report(++done, plan.tasks());
  });
  options.job.report(1, 1);  // reports of several threads may pass one another
  if (plan.segments == 1) return;
  for (int64_t query = 0; query < queries.rows(); ++query) {
    std::vector<Hit> hits;
    for (int64_t s = 0; s < plan.segments; ++s) {
      const std::vector<Hit>& part = parts[static_cast<size_t>(query * plan.segments + s)];
      hits.insert(hits.end(), part.begin(), part.end());
    }
    keep_best(hits, k);
    write(query, hits);
  }
}

}  // namespace nearvote

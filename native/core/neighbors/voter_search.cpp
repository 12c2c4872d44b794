#include "core/neighbors/voter_search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/base/parallel.h"
#include "core/neighbors/candidate_scores.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/device.h"
#include "core/neighbors/voted_rows.h"

namespace nearvote {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A growable list of candidates that is never initialised.
struct CandidateList {
  AlignedBuffer<simd::Candidate> items;
  int64_t count = 0;
  int64_t compact_at = 4096;

  void reserve_more(int64_t more) {
    if (count + more <= items.size()) return;
    AlignedBuffer<simd::Candidate> larger(std::max(2 * items.size(), count + more));
    if (count > 0) std::memcpy(larger.data(), items.data(), static_cast<size_t>(count) * sizeof(simd::Candidate));
    items = std::move(larger);
  }
};

}  // namespace

VoterSearch::VoterSearch(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                         VoteMatrix support_votes, const VoteDomain& domain, CellsPer cells_per,
                         const RunOptions& options)
    : queries_(queries),
      query_votes_(query_votes),
      support_(support),
      support_votes_(support_votes),
      domain_(domain),
      options_(options),
      cells_per_lf_(cells_per == CellsPer::lf ? 1 : domain.classes),
      rows_((check_voted_rows(queries, query_votes, support, support_votes, domain),
             searched_rows(support, support_votes))),
      plan_(plan_search(queries, support, static_cast<int64_t>(rows_.size()), options.threads)),
      order_(plan_.by_locality && options.device == nullptr ? locality_order(queries, support, rows_, options.threads)
                                                            : LocalityOrder{}),
      lists_(support, support_votes, order_.support.empty() ? rows_ : order_.support, domain, cells_per) {}

VoterSearch::~VoterSearch() = default;

void VoterSearch::run(const double* thresholds, Sink& sink, const Winner* known) {
  options_.job.check();
  if (options_.device != nullptr && queries_.rows() > 0 && !rows_.empty())
    options_.device->nearest_voters({queries_, query_votes_, support_, support_votes_, domain_, cells_per_lf_, rows_},
                                    thresholds, sink, options_);
  else if (plan_.direct)
    run_direct(sink);
  else
    run_filtered(thresholds, known, sink);
  options_.job.report(1, 1);
}

void VoterSearch::run_direct(Sink& sink) {
  const int64_t block = 16, tasks = (queries_.rows() + block - 1) / block;
  std::atomic<int64_t> done{0};
  parallel_for(tasks, plan_.threads, [&](int64_t task, int) {
    CanonicalRow canonical(queries_, support_);
    std::vector<Winner> winners(static_cast<size_t>(cells()));
    double keys[simd::kBlockRows];
    for (int64_t query = task * block; query < std::min(queries_.rows(), (task + 1) * block); ++query) {
      std::fill(winners.begin(), winners.end(), Winner{});
      canonical.set_query(query);
      for (int64_t b = 0; b < plan_.support_blocks; ++b) {
        options_.job.check();
        const int32_t* rows = rows_.data() + b * simd::kBlockRows;
        canonical.keys(
            rows, std::min<int64_t>(simd::kBlockRows, static_cast<int64_t>(rows_.size()) - b * simd::kBlockRows), keys);
        const simd::BlockVotes votes = lists_.block(b);
        for (int64_t list = 0; list < votes.lists; ++list) {
          const int32_t cell = votes.cells[list];
          const int64_t lf = lf_of(cell);
          if (!open(query, lf)) continue;
          // A repeated last row changes nothing.
          for (int32_t v = votes.first_chunk[list] * simd::kChunk; v < votes.first_chunk[list + 1] * simd::kChunk;
               ++v) {
            const int row = votes.offsets[v] / simd::kLanes;
            winners[static_cast<size_t>(cell)].merge({keys[row], rows[row], false}, support_votes_, lf);
          }
        }
      }
      sink.take(query, winners.data());
    }
    options_.job.report(++done, tasks);
  });
}

// Scratch of one thread, and what it does with one task: a block of queries against a range of support blocks.
class VoterSearch::Worker {
 public:
  Worker(const VoterSearch& search, const FilterSupport& filter)
      : search_(search),
        filter_(filter),
        block_(search.queries_, filter, search.plan_.block),
        scores_(search.queries_, filter, search.support_votes_, search.cells_per_lf_),
        lower_(search.plan_.block * search.cells()),
        candidates_(static_cast<size_t>(search.plan_.block / simd::kLanes)),
        winners_(static_cast<size_t>(search.cells())) {}

  void search(int64_t query_block, int64_t first_support, int64_t end_support, const double* thresholds,
              const Winner* known, Sink& sink) {
    const SearchPlan& plan = search_.plan_;
    const int64_t first = query_block * plan.block, count = std::min(plan.block, search_.queries_.rows() - first);
    const LocalityOrder& order = search_.order_;
    int64_t start = first_support;
    if (order.queries.empty()) {
      block_.load(first, count);
    } else {
      block_.load_rows(order.queries.data() + first, count);
      start = std::min(order.starts[static_cast<size_t>(first)] / simd::kBlockRows, end_support - 1);
    }
    for (int64_t group = 0; group < block_.groups(); ++group) start_group(group, thresholds, known);
    for (int64_t i = first_support; i < end_support; ++i) {
      search_.options_.job.check();
      const int64_t past = start + i - first_support,
                    b = past < end_support ? past : past - end_support + first_support;
      block_.compute(b);
      simd::BlockVotes votes = search_.lists_.block(b);
      if (!order.queries.empty()) votes.rows = static_cast<int32_t>(filter_.block_rows(b));
      const int64_t at_most = search_.lists_.votes_in_block(b) * simd::kLanes;
      for (int64_t group = 0; group < block_.groups(); ++group) {
        CandidateList& list = candidates_[static_cast<size_t>(group)];
        list.reserve_more(at_most);
        list.count += search_.queries_.kernels().scan_votes(
            block_.tile(group), &votes, static_cast<int32_t>(b * simd::kBlockRows), block_.error(group), lower(group),
            list.items.data() + list.count);
        if (list.count > list.compact_at) compact(group);
      }
    }
    for (int64_t group = 0; group < block_.groups(); ++group) finish_group(group, sink);
    kept_.clear();
  }

 private:
  float* lower(int64_t group) const { return lower_.data() + group * search_.cells() * simd::kLanes; }

  // The starting bound of a cell: nothing yet, what the threshold or a known winner demands, or out of reach.
  void start_group(int64_t group, const double* thresholds, const Winner* known) {
    candidates_[static_cast<size_t>(group)].count = 0;
    candidates_[static_cast<size_t>(group)].compact_at = 4096;
    float* bound = lower(group);
    for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
      const int64_t in_block = group * simd::kLanes + lane,
                    query = in_block < block_.count() ? block_.row(in_block) : 0;
      for (int64_t cell = 0; cell < search_.cells(); ++cell) {
        const int64_t lf = search_.lf_of(cell);
        float start = kInfinity;
        if (in_block < block_.count() && search_.open(query, lf)) {
          start = thresholds == nullptr ? -kInfinity : threshold_bound(in_block, thresholds[lf]);
          if (known != nullptr && known[query * search_.cells() + cell].row >= 0)
            start = std::max(start, block_.score_below(in_block, known[query * search_.cells() + cell].key));
        }
        bound[cell * simd::kLanes + lane] = start;
      }
    }
  }

  float threshold_bound(int64_t query_in_block, double threshold) const {
    if (std::isnan(threshold)) return kInfinity;
    if (search_.queries_.metric() != Metric::l2) return block_.score_below(query_in_block, threshold);
    if (threshold <= 0) return kInfinity;
    if (std::isinf(threshold)) return -kInfinity;
    return block_.score_below(query_in_block, -threshold * threshold);
  }

  // Drops what the bounds have overtaken, in place, keeping the order.
  void drop_stale(int64_t group) {
    CandidateList& list = candidates_[static_cast<size_t>(group)];
    const float *bound = lower(group), *error = block_.error(group);
    int64_t kept = 0;
    for (int64_t i = 0; i < list.count; ++i) {
      const simd::Candidate c = list.items[i];
      if (c.score + error[c.cell % simd::kLanes] >= bound[c.cell]) list.items[kept++] = c;
    }
    list.count = kept;
  }

  // Bounds the memory of a list. Data that no filter can tell apart (masses of duplicates) is decided at once.
  void compact(int64_t group) {
    constexpr int64_t kDecideAbove = 1 << 15;
    drop_stale(group);
    CandidateList& list = candidates_[static_cast<size_t>(group)];
    if (list.count > kDecideAbove) {
      if (kept_.empty()) kept_.resize(static_cast<size_t>(search_.plan_.block * search_.cells()));
      decide(group, [&](int64_t lane, const Winner* winners) {
        float* bound = lower(group) + lane;
        for (int64_t cell = 0; cell < search_.cells(); ++cell)
          if (winners[cell].row >= 0)
            bound[cell * simd::kLanes] = std::max(bound[cell * simd::kLanes],
                                                  block_.score_below(group * simd::kLanes + lane, winners[cell].key));
        std::copy(winners, winners + search_.cells(), kept(group, lane));
      });
      list.count = 0;
    }
    list.compact_at = std::max<int64_t>(4096, 2 * list.count);
  }

  Winner* kept(int64_t group, int64_t lane) { return kept_.data() + (group * simd::kLanes + lane) * search_.cells(); }

  void finish_group(int64_t group, Sink& sink) {
    drop_stale(group);
    decide(group, [&](int64_t lane, const Winner* winners) {
      const int64_t in_block = group * simd::kLanes + lane;
      if (in_block < block_.count()) sink.take(block_.row(in_block), winners);
    });
  }

  // Scores the candidates of every lane of a group canonically and hands over the winners, one lane after the other.
  template <class Take>
  void decide(int64_t group, Take&& take) {
    const CandidateList& list = candidates_[static_cast<size_t>(group)];
    int64_t first[simd::kLanes + 1] = {};
    for (int64_t i = 0; i < list.count; ++i) ++first[list.items[i].cell % simd::kLanes + 1];
    for (int64_t lane = 0; lane < simd::kLanes; ++lane) first[lane + 1] += first[lane];
    by_lane_.resize(static_cast<size_t>(list.count));
    int64_t place[simd::kLanes];
    std::copy(first, first + simd::kLanes, place);
    for (int64_t i = 0; i < list.count; ++i)
      by_lane_[static_cast<size_t>(place[list.items[i].cell % simd::kLanes]++)] = list.items[i];

    for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
      if (kept_.empty())
        std::fill(winners_.begin(), winners_.end(), Winner{});
      else
        std::copy_n(kept(group, lane), search_.cells(), winners_.begin());
      if (first[lane] < first[lane + 1]) {
        scores_.decide(block_, group * simd::kLanes + lane, by_lane_.data() + first[lane],
                       first[lane + 1] - first[lane], lower(group), winners_.data());
      }
      take(lane, winners_.data());
    }
  }

  const VoterSearch& search_;
  const FilterSupport& filter_;
  QueryBlock block_;
  CandidateScores scores_;
  AlignedBuffer<float> lower_;
  std::vector<CandidateList> candidates_;  // per group
  std::vector<Winner> winners_;            // of one query
  std::vector<Winner> kept_;               // of the whole block, once a list had to be decided early
  std::vector<simd::Candidate> by_lane_;
};

void VoterSearch::run_filtered(const double* thresholds, const Winner* known, Sink& sink) {
  const FilterSupport filter(support_, order_.support.empty() ? rows_ : order_.support, plan_.threads);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(plan_.threads));
  std::atomic<int64_t> done{0};
  const auto run_task = [&](int64_t task, int thread, Sink& out) {
    auto& worker = workers[static_cast<size_t>(thread)];
    if (worker == nullptr) worker = std::make_unique<Worker>(*this, filter);
    const int64_t segment = task % plan_.segments;
    worker->search(task / plan_.segments, plan_.first_support_block(segment), plan_.first_support_block(segment + 1),
                   thresholds, known, out);
    options_.job.report(++done, plan_.tasks());
  };
  if (plan_.segments == 1) {
    parallel_for(plan_.tasks(), plan_.threads, [&](int64_t task, int thread) { run_task(task, thread, sink); });
    return;
  }

  // Few queries: every task sees a part of the support, the parts are merged.
  struct Part final : Sink {
    int64_t cells = 0;
    std::vector<Winner> winners;
    void take(int64_t query, const Winner* found) override {
      std::copy(found, found + cells, winners.begin() + query * cells);
    }
  };
  std::vector<Part> parts(static_cast<size_t>(plan_.segments));
  for (Part& part : parts) {
    part.cells = cells();
    part.winners.resize(static_cast<size_t>(queries_.rows() * cells()));
  }
  parallel_for(plan_.tasks(), plan_.threads, [&](int64_t task, int thread) {
    run_task(task, thread, parts[static_cast<size_t>(task % plan_.segments)]);
  });
  for (int64_t query = 0; query < queries_.rows(); ++query) {
    Winner* winners = parts[0].winners.data() + query * cells();
    for (size_t p = 1; p < parts.size(); ++p)
      for (int64_t cell = 0; cell < cells(); ++cell)
        winners[cell].merge(parts[p].winners[static_cast<size_t>(query * cells() + cell)], support_votes_, lf_of(cell));
    sink.take(query, winners);
  }
}

}  // namespace nearvote

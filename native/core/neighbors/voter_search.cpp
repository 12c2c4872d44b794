#include "core/neighbors/voter_search.h"

#include <algorithm>
#include <atomic>

#include "core/base/parallel.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/device.h"
#include "core/neighbors/mutual_voters.h"
#include "core/neighbors/voted_rows.h"

namespace nearvote {

VoterSearch::VoterSearch(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                         VoteMatrix support_votes, const VoteDomain& domain, CellsPer cells_per,
                         const RunOptions& options, int64_t part_bytes)
    : cells_{queries, query_votes, support_votes, cells_per == CellsPer::lf ? 1 : domain.classes},
      support_(support),
      domain_(domain),
      options_(options),
      part_bytes_(part_bytes),
      rows_((check_voted_rows(queries, query_votes, support, support_votes, domain),
             searched_rows(support, support_votes))),
      plan_(plan_search(queries, support, static_cast<int64_t>(rows_.size()), options.threads, cells())),
      order_(plan_.by_locality && options.device == nullptr
                 ? locality_order(queries, support, rows_, options.threads, options.job)
                 : LocalityOrder{}),
      lists_(support, support_votes, order_.support.empty() ? rows_ : order_.support, domain, cells_per, options) {
  if (plan_.mutual) keep_others();
}

VoterSearch::~VoterSearch() = default;

// Of the queries those that are not searched.
void VoterSearch::keep_others() {
  std::vector<uint8_t> searched(static_cast<size_t>(support_.rows()));
  for (const int32_t row : rows_) searched[static_cast<size_t>(row)] = 1;
  LocalityOrder others;
  const bool ordered = !order_.queries.empty();
  for (size_t i = 0; i < searched.size(); ++i) {
    const int32_t row = ordered ? order_.queries[i] : static_cast<int32_t>(i);
    if (searched[static_cast<size_t>(row)] != 0) continue;
    others.queries.push_back(row);
    others.starts.push_back(ordered ? order_.starts[i] : 0);
  }
  order_.queries = std::move(others.queries);
  order_.starts = std::move(others.starts);
}

void VoterSearch::run(const double* thresholds, Sink& sink) {
  options_.job.check();
  if (options_.device != nullptr && cells_.queries.rows() > 0 && !rows_.empty())
    options_.device->nearest_voters(
        {cells_.queries, cells_.query_votes, support_, cells_.support_votes, domain_, cells_.per_lf, rows_}, thresholds,
        sink, options_);
  else if (plan_.direct)
    run_direct(sink);
  else
    run_filtered(thresholds, sink);
  options_.job.report(1, 1);
}

void VoterSearch::run_direct(Sink& sink) {
  const int64_t block = 16, tasks = (cells_.queries.rows() + block - 1) / block;
  std::atomic<int64_t> done{0};
  parallel_for(tasks, plan_.threads, [&](int64_t task, int) {
    CanonicalRow canonical(cells_.queries, support_);
    std::vector<Winner> winners(static_cast<size_t>(cells()));
    double keys[simd::kBlockRows];
    for (int64_t query = task * block; query < std::min(cells_.queries.rows(), (task + 1) * block); ++query) {
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
          const int64_t lf = cells_.lf_of(cell);
          if (!cells_.open(query, lf)) continue;
          // A repeated last row changes nothing.
          for (int32_t v = votes.first_chunk[list] * simd::kChunk; v < votes.first_chunk[list + 1] * simd::kChunk;
               ++v) {
            const int row = votes.offsets[v] / simd::kLanes;
            winners[static_cast<size_t>(cell)].merge({keys[row], rows[row], false}, cells_.support_votes, lf);
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
        block_(search.cells_.queries, filter, search.plan_.block),
        candidates_(search.cells_, search.plan_.block),
        scratch_(search.cells_, filter) {}

  void search(int64_t query_block, int64_t first_support, int64_t end_support, const double* thresholds, Sink& sink) {
    const QueryTerms& terms = load(query_block);
    candidates_.start(terms, thresholds);
    meet(query_block, first_support, end_support, candidates_);
    candidates_.finish(scratch_, sink);
  }

  const QueryTerms& load(int64_t query_block) {
    const std::vector<int32_t>& chosen = search_.order_.queries;
    const int64_t queries = chosen.empty() ? search_.cells_.queries.rows() : static_cast<int64_t>(chosen.size());
    const int64_t first = query_block * search_.plan_.block, count = std::min(search_.plan_.block, queries - first);
    if (chosen.empty())
      block_.load(first, count);
    else
      block_.load_rows(chosen.data() + first, count);
    return block_.terms();
  }

  // The block loaded last; first the surroundings of its queries.
  void meet(int64_t query_block, int64_t first_support, int64_t end_support, BlockCandidates& candidates) {
    const std::vector<int64_t>& starts = search_.order_.starts;
    int64_t start = first_support;
    if (!starts.empty())
      start = std::clamp(starts[static_cast<size_t>(query_block * search_.plan_.block)] / simd::kBlockRows,
                         first_support, end_support - 1);
    for (int64_t i = first_support; i < end_support; ++i) {
      search_.options_.job.check();
      const int64_t past = start + i - first_support,
                    b = past < end_support ? past : past - end_support + first_support;
      block_.compute(b);
      scan(b, candidates);
    }
  }

  CandidateScratch& scratch() { return scratch_; }

 private:
  // Few tiles are reached by nothing unless near rows stand together.
  void scan(int64_t b, BlockCandidates& candidates) {
    simd::BlockVotes votes = search_.lists_.block(b);
    const int64_t at_most = search_.lists_.votes_in_block(b) * simd::kLanes, base = b * simd::kBlockRows;
    const bool look_first = !search_.order_.support.empty();
    if (look_first)
      search_.cells_.queries.kernels().best_of_tile(block_.tile(0), QueryBlock::kTileSize, block_.groups(),
                                                    filter_.block_rows(b), best_of_groups_, best_of_rows_);
    for (int64_t group = 0; group < block_.groups(); ++group) {
      if (look_first) {
        votes.best = best_of_groups_ + group * simd::kLanes;
        if (!candidates.reached(group, votes.best)) continue;
      }
      candidates.scan(group, block_.tile(group), votes, base, at_most, scratch_);
    }
  }

  const VoterSearch& search_;
  const FilterSupport& filter_;
  QueryBlock block_;
  BlockCandidates candidates_;
  CandidateScratch scratch_;
  alignas(64) float best_of_groups_[simd::kBlockRows];
  alignas(64) float best_of_rows_[simd::kBlockRows];
};

void VoterSearch::run_filtered(const double* thresholds, Sink& sink) {
  FilterSupport filter(support_, order_.support.empty() ? rows_ : order_.support, plan_.threads, options_.job,
                       part_bytes_);
  SearchProgress progress{options_.job, plan_.query_blocks * plan_.support_blocks +
                                            (plan_.mutual ? MutualVoters::tiles(filter.size()) : 0)};
  if (plan_.mutual)
    MutualVoters{cells_, filter, lists_, !order_.support.empty(), plan_.threads}.run(thresholds, sink, progress);
  if (part_bytes_ > 0) return run_in_parts(filter, thresholds, sink, progress);
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(plan_.threads));
  const auto run_task = [&](int64_t task, int thread, Sink& out) {
    auto& worker = workers[static_cast<size_t>(thread)];
    if (worker == nullptr) worker = std::make_unique<Worker>(*this, filter);
    const int64_t segment = task % plan_.segments, first = plan_.first_support_block(segment),
                  end = plan_.first_support_block(segment + 1);
    worker->search(task / plan_.segments, first, end, thresholds, out);
    progress.add(end - first);
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
    part.winners.resize(static_cast<size_t>(cells_.queries.rows() * cells()));
  }
  parallel_for(plan_.tasks(), plan_.threads, [&](int64_t task, int thread) {
    run_task(task, thread, parts[static_cast<size_t>(task % plan_.segments)]);
  });
  for (int64_t query = 0; query < cells_.queries.rows(); ++query) {
    Winner* winners = parts[0].winners.data() + query * cells();
    for (size_t p = 1; p < parts.size(); ++p)
      for (int64_t cell = 0; cell < cells(); ++cell)
        winners[cell].merge(parts[p].winners[static_cast<size_t>(query * cells() + cell)], cells_.support_votes,
                            cells_.lf_of(cell));
    sink.take(query, winners);
  }
}

// As many blocks of queries as one part's memory holds wait while the parts pass.
void VoterSearch::run_in_parts(FilterSupport& filter, const double* thresholds, Sink& sink, SearchProgress& progress) {
  struct Waiting {
    QueryTerms terms;
    std::unique_ptr<BlockCandidates> candidates;
  };
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(plan_.threads));
  const auto worker = [&](int thread) -> Worker& {
    auto& found = workers[static_cast<size_t>(thread)];
    if (found == nullptr) found = std::make_unique<Worker>(*this, filter);
    return *found;
  };
  const int64_t at_once =
      std::max<int64_t>(plan_.threads, part_bytes_ / (plan_.block * cells() * SearchPlan::kCellBytes));
  for (int64_t first = 0; first < plan_.query_blocks; first += at_once) {
    std::vector<Waiting> waiting(static_cast<size_t>(std::min(at_once, plan_.query_blocks - first)));
    const auto count = static_cast<int64_t>(waiting.size());
    for (int64_t part = 0; part < filter.parts(); ++part) {
      filter.hold(part, 0, plan_.threads, options_.job);
      const int64_t begin = filter.first_block(part), end = filter.first_block(part + 1);
      parallel_for(count, plan_.threads, [&](int64_t i, int thread) {
        Waiting& block = waiting[static_cast<size_t>(i)];
        const QueryTerms& terms = worker(thread).load(first + i);
        if (block.candidates == nullptr) {
          block.terms = terms;
          block.candidates = std::make_unique<BlockCandidates>(cells_, plan_.block);
          block.candidates->start(block.terms, thresholds);
        }
        if (begin < end) worker(thread).meet(first + i, begin, end, *block.candidates);
        progress.add(end - begin);
      });
    }
    parallel_for(count, plan_.threads, [&](int64_t i, int thread) {
      options_.job.check();
      waiting[static_cast<size_t>(i)].candidates->finish(worker(thread).scratch(), sink);
    });
  }
}

}  // namespace nearvote

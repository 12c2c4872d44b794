#include "core/neighbors/mutual_voters.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

// Blocks beside the diagonal that are met first where rows go by locality: they tighten most bounds.
constexpr int64_t kNear = 4;
constexpr int64_t kTilesPerTask = 16;  // at most: enough to make up for packing the queries

struct Queries {
  std::mutex mutex;
  QueryTerms terms;
  BlockCandidates candidates;

  Queries(const MutualVoters& search, int64_t block)
      : terms(terms_of_searched(search.support, block * simd::kBlockRows, search.support.block_rows(block))),
        candidates(search.cells, static_cast<int64_t>(terms.error.size())) {}
};

// One block of queries against blocks [first, end).
struct Task {
  int64_t block, first, end;
};

struct Blocks {
  int64_t first, end;
};

// Of each block of a part with those behind it, near ones or the others.
void add_near(Blocks part, int64_t near, std::vector<Task>& tasks) {
  for (int64_t b = part.first; b < part.end; ++b) tasks.push_back({b, b, std::min(part.end, b + near)});
}
void add_others(Blocks part, int64_t near, int64_t most, std::vector<Task>& tasks) {
  for (int64_t b = part.first; b < part.end; ++b)
    for (int64_t first = b + near; first < part.end; first += most)
      tasks.push_back({b, first, std::min(part.end, first + most)});
}
// Of each block of a part with all of another.
void add_pairs(Blocks part, Blocks other, int64_t most, std::vector<Task>& tasks) {
  for (int64_t b = part.first; b < part.end; ++b)
    for (int64_t first = other.first; first < other.end; first += most)
      tasks.push_back({b, first, std::min(other.end, first + most)});
}

class Worker {
 public:
  Worker(const MutualVoters& search, std::vector<std::unique_ptr<Queries>>& queries)
      : search_(search),
        queries_(queries),
        block_(search.cells.queries, search.support, simd::kBlockRows),
        scratch_(search.cells, search.support) {}

  void run(const Task& task, SearchProgress& progress) {
    block_.load_searched(task.block * simd::kBlockRows, search_.support.block_rows(task.block));
    for (int64_t other = task.first; other < task.end; ++other) {
      progress.job.check();
      meet(task.block, other);
      progress.add(1);
    }
  }

  CandidateScratch& scratch() { return scratch_; }

 private:
  void meet(int64_t mine, int64_t other) {
    const simd::Kernels& kernels = search_.cells.queries.kernels();
    block_.compute(other);
    kernels.best_of_tile(block_.tile(0), QueryBlock::kTileSize, block_.groups(), search_.support.block_rows(other),
                         best_of_groups_, best_of_rows_);
    {
      Queries& queries = *queries_[static_cast<size_t>(mine)];
      simd::BlockVotes votes = search_.lists.block(other);
      const int64_t at_most = search_.lists.votes_in_block(other) * simd::kLanes;
      const std::lock_guard lock(queries.mutex);
      for (int64_t group = 0; group < block_.groups(); ++group) {
        votes.best = best_of_groups_ + group * simd::kLanes;
        if (queries.candidates.reached(group, votes.best))
          queries.candidates.scan(group, block_.tile(group), votes, other * simd::kBlockRows, at_most, scratch_);
      }
    }
    if (mine == other) return;
    Queries& queries = *queries_[static_cast<size_t>(other)];
    simd::BlockVotes votes = search_.lists.block(mine);
    const int64_t at_most = search_.lists.votes_in_block(mine) * simd::kLanes;
    const auto groups = static_cast<int64_t>(queries.terms.error.size()) / simd::kLanes;
    const float* bias = search_.support.bias();
    const float largest = bias == nullptr
                              ? 0
                              : *std::max_element(bias + mine * simd::kBlockRows,
                                                  bias + mine * simd::kBlockRows + search_.support.block_rows(mine));
    const std::lock_guard lock(queries.mutex);
    for (int64_t group = 0; group < groups; ++group) {
      float* best = best_of_rows_ + group * simd::kLanes;
      if (bias != nullptr) turn_best(best, bias + other * simd::kBlockRows + group * simd::kLanes, largest);
      votes.best = best;
      if (!queries.candidates.reached(group, votes.best)) continue;
      kernels.turn_tile(block_.tile(0) + group * simd::kLanes * simd::kLanes, QueryBlock::kTileSize, block_.groups(),
                        turned_);
      if (bias != nullptr)
        turn_scores(bias + mine * simd::kBlockRows, bias + other * simd::kBlockRows + group * simd::kLanes);
      queries.candidates.scan(group, turned_, votes, mine * simd::kBlockRows, at_most, scratch_);
    }
  }

  // A score x' y' + bias(y) becomes that of y as the query: x' y' + bias(x). Of the largest: not less than any.
  static void turn_best(float* best, const float* bias, float largest) {
    for (int lane = 0; lane < simd::kLanes; ++lane) best[lane] += largest - bias[lane];
  }
  void turn_scores(const float* row_bias, const float* lane_bias) {
    for (int64_t row = 0; row < block_.count(); ++row)
      for (int lane = 0; lane < simd::kLanes; ++lane)
        turned_[row * simd::kLanes + lane] += row_bias[row] - lane_bias[lane];
  }

  const MutualVoters& search_;
  std::vector<std::unique_ptr<Queries>>& queries_;
  QueryBlock block_;
  CandidateScratch scratch_;
  alignas(64) float best_of_groups_[simd::kBlockRows];
  alignas(64) float best_of_rows_[simd::kBlockRows];
  alignas(64) float turned_[simd::kBlockRows * simd::kLanes];
};

}  // namespace

int64_t MutualVoters::tiles(int64_t rows) {
  const int64_t blocks = (rows + simd::kBlockRows - 1) / simd::kBlockRows;
  return blocks * (blocks + 1) / 2;
}

void MutualVoters::run(const double* thresholds, WinnerSink& sink, SearchProgress& progress) const {
  const int64_t blocks = support.blocks(), parts = support.parts();
  std::vector<std::unique_ptr<Queries>> queries(static_cast<size_t>(blocks));
  parallel_for(blocks, threads, [&](int64_t b, int) {
    progress.job.check();
    auto& made = queries[static_cast<size_t>(b)];
    made = std::make_unique<Queries>(*this, b);
    made->candidates.start(made->terms, thresholds);
  });
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(threads));
  const auto worker = [&](int thread) -> Worker& {
    auto& found = workers[static_cast<size_t>(thread)];
    if (found == nullptr) found = std::make_unique<Worker>(*this, queries);
    return *found;
  };
  const auto run_tasks = [&](const std::vector<Task>& tasks) {
    parallel_for(static_cast<int64_t>(tasks.size()), threads,
                 [&](int64_t task, int thread) { worker(thread).run(tasks[static_cast<size_t>(task)], progress); });
  };
  const auto blocks_of = [&](int64_t part) { return Blocks{support.first_block(part), support.first_block(part + 1)}; };

  const int64_t near = by_locality ? kNear : 1;
  const int64_t most = std::clamp<int64_t>(blocks * blocks / 2 / (8 * threads), 1, kTilesPerTask);
  int slot = 0;
  if (parts > 1) support.hold(0, slot, threads, progress.job);
  for (int64_t part = 0; part < parts; ++part, slot ^= 1) {
    const Blocks mine = blocks_of(part);
    std::vector<Task> tasks;
    if (part == 0) add_near(mine, near, tasks);
    add_others(mine, near, most, tasks);
    run_tasks(tasks);
    // Backwards: the part held last comes next. Every part meets its own near blocks first.
    for (int64_t other = parts - 1; other > part; --other) {
      support.hold(other, slot ^ 1, threads, progress.job);
      tasks.clear();
      if (part == 0) {
        add_near(blocks_of(other), near, tasks);
        run_tasks(tasks);
        tasks.clear();
      }
      add_pairs(mine, blocks_of(other), most, tasks);
      run_tasks(tasks);
    }
    parallel_for(mine.end - mine.first, threads, [&](int64_t i, int thread) {
      progress.job.check();
      auto& decided = queries[static_cast<size_t>(mine.first + i)];
      decided->candidates.finish(worker(thread).scratch(), sink);
      decided.reset();
    });
  }
}

}  // namespace nearvote

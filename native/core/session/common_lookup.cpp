#include "core/session/common_lookup.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "core/neighbors/voter_search.h"
#include "core/session/column_cells.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 4096;
// What a product takes in a search for one column, which has its voters gathered and no order of rows, beside one here.
constexpr double kApartCost = 1.5;

// Hands every cell that was asked for to its column.
struct LookupSink final : WinnerSink {
  LookupSink(const std::vector<ColumnLookup>& columns_, VoteMatrix asked_, Metric metric_)
      : columns(columns_), asked(asked_), metric(metric_) {}

  void take(int64_t row, const Winner* winners) override {
    for (size_t j = 0; j < columns.size(); ++j) {
      if (asked(row, static_cast<int64_t>(j)) != 0) continue;
      const ColumnLookup& column = columns[j];
      const Cell cell =
          cell_of({winners[j].key, winners[j].row, winners[j].contested}, metric, std::optional(column.threshold));
      column.nearest[row] = cell.nearest;
      column.score[row] = cell.score;
    }
  }

  const std::vector<ColumnLookup>& columns;
  VoteMatrix asked;
  Metric metric;
};

}  // namespace

bool common_lookup_pays(const std::vector<ColumnLookup>& columns, int64_t rows) {
  if (columns.size() < 2) return false;
  double apart = 0;
  std::vector<uint8_t> votes(static_cast<size_t>(rows));
  for (const ColumnLookup& column : columns) {
    apart += static_cast<double>(column.rows->size()) * static_cast<double>(column.voters);
    for (int64_t row = 0; row < rows; ++row) votes[static_cast<size_t>(row)] |= column.votes[row] != 0 ? 1 : 0;
  }
  // Rows that vote meet each other once, the others meet them.
  const auto voting = static_cast<double>(std::count(votes.begin(), votes.end(), uint8_t{1}));
  return kApartCost * apart > voting * (static_cast<double>(rows) - voting / 2);
}

void look_up_together(const EmbeddingSet& set, const VoteDomain& domain, const std::vector<ColumnLookup>& columns,
                      const RunOptions& options) {
  const int64_t rows = set.rows(), lfs = static_cast<int64_t>(columns.size());
  AlignedBuffer<int8_t> votes(rows * lfs), asked(rows * lfs);
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(options.threads, tasks), [&](int64_t task, int) {
    options.job.check();
    const int64_t begin = task * kRowsPerTask, end = std::min(rows, begin + kRowsPerTask);
    // A cell that is not asked for counts as one with a vote: the search passes over it.
    std::fill(asked.data() + begin * lfs, asked.data() + end * lfs, domain.vote_of(0));
    for (int64_t j = 0; j < lfs; ++j) {
      const ColumnLookup& column = columns[static_cast<size_t>(j)];
      for (int64_t row = begin; row < end; ++row) votes[row * lfs + j] = column.votes[row];
      const auto first = std::lower_bound(column.rows->begin(), column.rows->end(), begin);
      for (auto row = first; row != column.rows->end() && *row < end; ++row) asked[*row * lfs + j] = 0;
    }
  });
  std::vector<double> thresholds;
  for (const ColumnLookup& column : columns) thresholds.push_back(column.threshold);
  const VoteMatrix asked_for{asked.data(), rows, lfs};
  LookupSink sink(columns, asked_for, set.metric());
  VoterSearch(set, asked_for, set, {votes.data(), rows, lfs}, domain, CellsPer::lf, options)
      .run(thresholds.data(), sink);
}

}  // namespace nearvote

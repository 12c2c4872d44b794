#include "core/neighbors/extend.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "core/neighbors/canonical.h"
#include "core/neighbors/voter_search.h"
#include "core/votes/check_votes.h"

namespace nearvote {
namespace {

struct ExtendSink final : VoterSearch::Sink {
  ExtendSink(VoteMatrix query_votes_, VoteMatrix support_votes_, Metric metric_, const double* thresholds_,
             int8_t* votes_, int32_t* neighbors_, float* scores_)
      : query_votes(query_votes_),
        support_votes(support_votes_),
        metric(metric_),
        thresholds(thresholds_),
        votes(votes_),
        neighbors(neighbors_),
        scores(scores_) {}

  VoteMatrix query_votes, support_votes;
  Metric metric;
  const double* thresholds;
  int8_t* votes;
  int32_t* neighbors;
  float* scores;

  void take(int64_t query, const Winner* winners) override {
    for (int64_t lf = 0; lf < query_votes.cols; ++lf) {
      const int64_t at = query * query_votes.cols + lf;
      int8_t vote = query_votes(query, lf);
      int32_t neighbor = vote != 0 ? kDirectVote : kAbstains;
      float score = std::numeric_limits<float>::quiet_NaN();
      const Winner& winner = winners[lf];
      if (vote == 0 && winner.row >= 0 && !winner.contested) {
        const double found = score_of_key(metric, winner.key);
        if (within_threshold(metric, found, thresholds[lf])) {
          vote = support_votes(winner.row, lf);
          neighbor = winner.row;
          score = static_cast<float>(found);
        }
      }
      votes[at] = vote;
      if (neighbors != nullptr) neighbors[at] = neighbor;
      if (scores != nullptr) scores[at] = score;
    }
  }
};

// Keeps the nearer of what it holds and what a search of one block of support finds.
struct MergeSink final : VoterSearch::Sink {
  std::vector<Winner> winners;  // queries x LFs
  VoteMatrix support_votes;     // of all blocks
  int64_t lfs;
  int64_t first_support;

  void take(int64_t query, const Winner* found) override {
    for (int64_t lf = 0; lf < lfs; ++lf) {
      Winner winner = found[lf];
      if (winner.row < 0) continue;
      winner.row += static_cast<int32_t>(first_support);
      winners[static_cast<size_t>(query * lfs + lf)].merge(winner, support_votes, lf);
    }
  }
};

// 4 bytes a value for the row, 2 for its packed form.
constexpr int64_t row_bytes(int64_t dims) { return 6 * dims; }

template <class T>
Matrix<T> rows_of(Matrix<T> all, int64_t first, int64_t end) {
  return {all.row(first), end - first, all.cols};
}

}  // namespace

void extend_votes(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                  VoteMatrix support_votes, const VoteDomain& domain, const double* thresholds, int8_t* votes_out,
                  int32_t* neighbors_out, float* scores_out, const RunOptions& options) {
  VoterSearch search(queries, query_votes, support, support_votes, domain, CellsPer::lf, options);
  ExtendSink sink(query_votes, support_votes, queries.metric(), thresholds, votes_out, neighbors_out, scores_out);
  search.run(thresholds, sink);
}

void extend_votes(const ExtensionRows& rows, VoteMatrix query_votes, VoteMatrix support_votes, const VoteDomain& domain,
                  const double* thresholds, int8_t* votes_out, int32_t* neighbors_out, float* scores_out,
                  const RunOptions& options, int64_t budget) {
  const FloatMatrix &queries = rows.queries, &support = rows.support;
  const bool same = queries.data == support.data && queries.rows == support.rows && queries.cols == support.cols;
  const int64_t per_row = row_bytes(queries.cols), all = queries.rows + (same ? 0 : support.rows);
  if (options.device != nullptr || all * per_row <= 2 * budget) {
    const EmbeddingSet query_set(queries, rows.metric, options, rows.query_name);
    std::optional<EmbeddingSet> support_set;
    if (!same) support_set.emplace(support, rows.metric, options, rows.support_name);
    return extend_votes(query_set, query_votes, same ? query_set : *support_set, support_votes, domain, thresholds,
                        votes_out, neighbors_out, scores_out, options);
  }

  // Messages name rows of the whole, so the whole is checked first.
  check_finite(queries, options, rows.query_name);
  if (!same) check_finite(support, options, rows.support_name);
  check_votes(query_votes, domain, "query votes");
  check_votes(support_votes, domain, "support votes");
  const int64_t lfs = query_votes.cols;
  const auto blocks_of = [](int64_t total, int64_t most) { return (total + most - 1) / most; };
  const int64_t query_blocks =
      blocks_of(queries.rows, std::max<int64_t>(1, budget / (per_row + lfs * static_cast<int64_t>(sizeof(Winner)))));
  const int64_t support_blocks = blocks_of(support.rows, std::max<int64_t>(1, budget / 2 / per_row));
  for (int64_t q = 0; q < query_blocks; ++q) {
    const int64_t first = queries.rows * q / query_blocks, end = queries.rows * (q + 1) / query_blocks;
    const VoteMatrix votes = rows_of(query_votes, first, end);
    const EmbeddingSet query_set(rows_of(queries, first, end), rows.metric, options, rows.query_name);
    MergeSink merged;
    merged.winners.resize(static_cast<size_t>((end - first) * lfs));
    merged.support_votes = support_votes;
    merged.lfs = lfs;
    for (int64_t s = 0; s < support_blocks; ++s) {
      const int64_t first_row = support.rows * s / support_blocks, end_row = support.rows * (s + 1) / support_blocks;
      merged.first_support = first_row;
      RunOptions part = options;
      part.job = options.job.part(q * support_blocks + s, query_blocks * support_blocks);
      const EmbeddingSet support_set(rows_of(support, first_row, end_row), rows.metric, options, rows.support_name);
      VoterSearch(query_set, votes, support_set, rows_of(support_votes, first_row, end_row), domain, CellsPer::lf, part)
          .run(thresholds, merged, merged.winners.data());
    }
    const int64_t cell = first * lfs;
    ExtendSink sink(votes, support_votes, rows.metric, thresholds, votes_out + cell,
                    neighbors_out == nullptr ? nullptr : neighbors_out + cell,
                    scores_out == nullptr ? nullptr : scores_out + cell);
    for (int64_t i = 0; i < end - first; ++i) sink.take(i, merged.winners.data() + i * lfs);
  }
  options.job.report(1, 1);
}

}  // namespace nearvote

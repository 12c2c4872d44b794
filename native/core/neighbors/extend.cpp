#include "core/neighbors/extend.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/neighbors/canonical.h"
#include "core/neighbors/voter_search.h"

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
    const int8_t* own = query_votes.row(query);
    const int64_t lfs = query_votes.cols, first = query * lfs;
    int8_t* vote = votes + first;
    int32_t* neighbor = neighbors == nullptr ? nullptr : neighbors + first;
    float* score = scores == nullptr ? nullptr : scores + first;
    std::copy_n(own, lfs, vote);
    for (int64_t lf = 0; neighbor != nullptr && lf < lfs; ++lf) neighbor[lf] = own[lf] != 0 ? kDirectVote : kAbstains;
    if (score != nullptr) std::fill_n(score, lfs, std::numeric_limits<float>::quiet_NaN());
    // Copies: bytes that are written could be anything of this.
    const VoteMatrix support = support_votes;
    const Metric of = metric;
    const double* within = thresholds;
    for (int64_t lf = 0; lf < lfs; ++lf) {
      const Winner& winner = winners[lf];
      if (own[lf] != 0 || winner.row < 0 || winner.contested) continue;
      const double found = score_of_key(of, winner.key);
      if (!within_threshold(of, found, within[lf])) continue;
      vote[lf] = support(winner.row, lf);
      if (neighbor != nullptr) neighbor[lf] = winner.row;
      if (score != nullptr) score[lf] = static_cast<float>(found);
    }
  }
};

// 4 bytes a value for the row, 2 for its packed form.
constexpr int64_t row_bytes(int64_t dims) { return 6 * dims; }

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
  const int64_t all = queries.rows + (same ? 0 : support.rows);
  const bool borrow = options.device == nullptr && all * row_bytes(queries.cols) > 2 * budget;
  const Packing packing = borrow ? Packing::borrow : Packing::filter;
  const EmbeddingSet query_set(queries, rows.metric, options, rows.query_name, 0, packing);
  std::optional<EmbeddingSet> other;
  if (!same) other.emplace(support, rows.metric, options, rows.support_name, 0, packing);
  const EmbeddingSet& support_set = same ? query_set : *other;
  VoterSearch search(query_set, query_votes, support_set, support_votes, domain, CellsPer::lf, options,
                     borrow ? std::max<int64_t>(1, budget / 2) : 0);
  ExtendSink sink(query_votes, support_votes, rows.metric, thresholds, votes_out, neighbors_out, scores_out);
  search.run(thresholds, sink);
}

}  // namespace nearvote

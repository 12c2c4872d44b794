#include "core/neighbors/extend.h"

#include <limits>

#include "core/neighbors/canonical.h"
#include "core/neighbors/voter_search.h"

namespace nearvote {
namespace {

struct ExtendSink final : VoterSearch::Sink {
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

}  // namespace

void extend_votes(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                  VoteMatrix support_votes, const VoteDomain& domain, const double* thresholds, int8_t* votes_out,
                  int32_t* neighbors_out, float* scores_out, const RunOptions& options) {
  VoterSearch search(queries, query_votes, support, support_votes, domain, CellsPer::lf, options);
  ExtendSink sink;
  sink.query_votes = query_votes;
  sink.support_votes = support_votes;
  sink.metric = queries.metric();
  sink.thresholds = thresholds;
  sink.votes = votes_out;
  sink.neighbors = neighbors_out;
  sink.scores = scores_out;
  search.run(thresholds, sink);
}

}  // namespace nearvote

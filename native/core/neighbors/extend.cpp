#include "core/neighbors/extend.h"

#include "core/neighbors/nearest_voters.h"

namespace nearvote {

void extend_votes(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                  VoteMatrix support_votes, const VoteDomain& domain, const double* thresholds, int8_t* votes_out,
                  int32_t* neighbors_out, float* scores_out, const RunOptions& options) {
  const NearestVoters voters(queries, query_votes, support, support_votes, domain, options);
  voters.extend(thresholds, votes_out, neighbors_out, scores_out);
}

}  // namespace nearvote

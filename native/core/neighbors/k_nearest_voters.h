// Extension beyond one neighbour: for every cell (query row, LF) on which the LF abstains, what its k nearest voters
// say together, as a share of their weight for every class. No threshold yet: that is a pass over the scores.
//
// The k nearest voters of a cell are the support rows with a vote of the LF, of whatever class, ranked by the canonical
// score, ties by the lower row; fewer if the LF has fewer voters. Their weights are those of neighbor_weights
// (knn_posterior.h), relative to the nearest of them, so a voter without positive similarity has no say. With k = 1
// this is extension, except that an exact tie between voters of different classes goes to the lower row instead of
// abstaining.
#pragma once

#include <cstdint>

#include "core/neighbors/embedding_set.h"
#include "core/neighbors/run_options.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

// n x m cells of the caller. Where there is nothing to say (a direct vote, a zero row, no voter with a weight):
// score NaN, neighbor -1, shares 0.
struct SoftVotes {
  float* scores = nullptr;       // mean similarity or distance of the voters
  int32_t* neighbors = nullptr;  // the nearest of them that votes for the class with the largest share
  float* shares = nullptr;       // n x m x K: sum to 1
};

// query_votes: queries.rows() x m; support_votes: support.rows() x m; k >= 1. Memory besides the outputs: 8 bytes times
// max(128, 16 k) per query row, and the support votes once more as lists. Throws InvalidArgument on shapes that do not
// fit and votes outside the domain, Cancelled.
void k_nearest_voters(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                      VoteMatrix support_votes, const VoteDomain& domain, int64_t k, const SoftVotes& out,
                      const RunOptions& options = {});

}  // namespace nearvote

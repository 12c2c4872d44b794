// What every search for voters demands of its input.
#pragma once

#include "core/neighbors/embedding_set.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

// Throws InvalidArgument unless the sets are comparable, each has as many vote rows as rows, both the same LFs, and
// every vote lies in the domain (cell named).
void check_voted_rows(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                      VoteMatrix support_votes, const VoteDomain& domain);

}  // namespace nearvote

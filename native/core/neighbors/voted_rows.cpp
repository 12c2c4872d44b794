#include "core/neighbors/voted_rows.h"

#include <string>

#include "core/votes/check_votes.h"

namespace nearvote {

void check_voted_rows(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                      VoteMatrix support_votes, const VoteDomain& domain) {
  check_comparable(queries, support);
  if (query_votes.rows != queries.rows())
    throw expected(std::to_string(queries.rows()) + " rows", "query votes", std::to_string(query_votes.rows));
  if (support_votes.rows != support.rows())
    throw expected(std::to_string(support.rows()) + " rows", "support votes", std::to_string(support_votes.rows));
  if (support_votes.cols != query_votes.cols)
    throw expected(std::to_string(query_votes.cols) + " LFs", "support votes", std::to_string(support_votes.cols));
  check_votes(query_votes, domain, "query votes");
  check_votes(support_votes, domain, "support votes");
}

}  // namespace nearvote

#include "core/neighbors/vote_lists.h"

#include "core/base/error.h"

namespace nearvote {

void check_votes(VoteMatrix votes, const VoteDomain& domain) {
  for (int64_t cell = 0; cell < votes.size(); ++cell)
    if (!domain.valid(votes.data[cell]))
      throw expected(domain.signed_votes ? std::string("-1, 0 or 1") : "0 to " + std::to_string(domain.classes),
                     "votes",
                     std::to_string(votes.data[cell]) + " at row " + std::to_string(cell / votes.cols) + ", LF " +
                         std::to_string(cell % votes.cols));
}

VoteLists list_votes(VoteMatrix votes, const VoteDomain& domain) {
  VoteLists lists;
  lists.first.reserve(static_cast<size_t>(votes.rows) + 1);
  lists.first.push_back(0);
  for (int64_t i = 0; i < votes.rows; ++i) {
    for (int64_t lf = 0; lf < votes.cols; ++lf)
      if (votes(i, lf) != 0) lists.votes.push_back({static_cast<int32_t>(lf), domain.class_of(votes(i, lf))});
    lists.first.push_back(static_cast<int64_t>(lists.votes.size()));
  }
  return lists;
}

}  // namespace nearvote

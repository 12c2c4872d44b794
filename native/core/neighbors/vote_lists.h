// The votes of the support rows as lists: for every row its (LF, class) pairs.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

struct RowVote {
  int32_t lf;
  int32_t class_index;
};

struct VoteLists {
  std::vector<int64_t> first;  // rows + 1
  std::vector<RowVote> votes;
};

// Throws InvalidArgument naming the first cell outside the domain.
void check_votes(VoteMatrix votes, const VoteDomain& domain);

// Lists of valid votes.
VoteLists list_votes(VoteMatrix votes, const VoteDomain& domain);

}  // namespace nearvote

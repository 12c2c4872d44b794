// Finds votes outside their domain, at memory speed, so that nothing behind this check has to look again.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/matrix.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

// Row-major position of the first vote outside the domain, or -1.
int64_t first_invalid_vote(VoteMatrix votes, VoteDomain domain);

// Throws InvalidArgument naming the cell: "Expected -1, 0 or 1 for votes[row 3, LF 2] but received 7".
void check_votes(VoteMatrix votes, VoteDomain domain, const std::string& parameter);

}  // namespace nearvote

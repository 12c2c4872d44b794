// Rows worth a gold label. A label settles its row and, as far as neighbours are close (closeness.h), part of theirs:
//   gain(i) = H(i) + sum over the nearest rows j of closeness(i, j) H(j),   H the entropy of P(Y), in bits,
// so uncertain rows in dense uncertain places come first. Chosen one by one; each choice, and each row that has its
// label already, takes what it settles from H, so that the next one lies elsewhere (greedy cover).
#pragma once

#include <vector>

#include "core/session/session.h"

namespace nearvote {

// At most `count` rows, best first, without the labelled ones; rows that would settle nothing are left out.
// labelled: rows of the state. Ties: the lower row.
std::vector<int32_t> next_to_label(const SessionState& state, const std::vector<int32_t>& labelled, int64_t count,
                                   const RunOptions& options);

}  // namespace nearvote

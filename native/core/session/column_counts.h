// The counts the label model is fitted to, taken from the bit planes of the direct votes: the same numbers as
// count_votes. An edit recounts only the pairs of the LFs whose votes it touched.
#pragma once

#include <memory>
#include <vector>

#include "core/session/lf_column.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

using Columns = std::vector<std::shared_ptr<const LfColumn>>;

// old: the counts of `old_columns`, of the same rows. Pairs of columns whose votes are in both keep their counts.
VoteCounts count_columns(const Columns& columns, VoteDomain domain, int64_t rows, const VoteCounts& old,
                         const Columns& old_columns);

}  // namespace nearvote

// Counts taken from the columns' bit planes: the same numbers as count_votes on the votes these planes hold. An edit
// recounts only the pairs of the LFs it touched.
#pragma once

#include <memory>
#include <vector>

#include "core/session/lf_column.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

using Columns = std::vector<std::shared_ptr<const LfColumn>>;
using ColumnPlanes = AlignedBuffer<uint64_t> LfColumn::*;

// planes: which votes to count, &LfColumn::planes (extended) or &LfColumn::direct_planes. old: the counts of
// `old_columns`, of the same rows. Pairs of columns that are in both keep their counts.
VoteCounts count_columns(const Columns& columns, ColumnPlanes planes, VoteDomain domain, int64_t rows,
                         const VoteCounts& old, const Columns& old_columns);

}  // namespace nearvote

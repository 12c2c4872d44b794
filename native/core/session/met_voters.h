// Voters that need no search: one whose list ends outside the threshold is near to nobody but the rows in its list.
// What they are to the rows that ask is read off their lists; only the others are left to be searched.
#pragma once

#include <vector>

#include "core/session/column_cells.h"

namespace nearvote {

struct MetVoters {
  std::vector<NearestVoter> best;  // per query: of the voters that were met
  std::vector<int32_t> others;     // the voters to search, ascending
};

// queries: rows without a vote, ascending. reader: of the column and its threshold.
MetVoters meet_voters(const ColumnContext& context, const CellReader& reader, const std::vector<int32_t>& queries,
                      const Voters& voters, const int8_t* votes);

}  // namespace nearvote

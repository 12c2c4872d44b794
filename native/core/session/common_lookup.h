// One search for what several columns look up: a tile of scores serves all of them, and rows that vote both ways
// (neighbors/voter_search.h), where a search for each would make most products once per labelling function.
#pragma once

#include <vector>

#include "core/neighbors/embedding_set.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

// Cells of one labelling function that look for their nearest voter among all of them.
struct ColumnLookup {
  const int8_t* votes;  // of all rows
  int64_t voters;       // how many of them count
  double threshold;
  const std::vector<int32_t>* rows;  // ascending; without a vote and, under cosine, with a direction
  int32_t* nearest;                  // of all rows: those asked for are written, as LfColumn::nearest and score
  float* score;
};

// Whether one search for all takes less time, by the products of both, than a search for each. Never of one column.
bool common_lookup_pays(const std::vector<ColumnLookup>& columns, int64_t rows);

// The same bits as by find_nearest_voters. Takes the scratch of a search of the set with itself for extension
// (neighbors/extend.h) and two bytes for each cell of a row. Throws Cancelled when the job is.
void look_up_together(const EmbeddingSet& set, const VoteDomain& domain, const std::vector<ColumnLookup>& columns,
                      const RunOptions& options);

}  // namespace nearvote

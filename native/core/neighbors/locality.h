// An order of rows in which near rows stand together. Searched in it, a block of queries agrees on where its neighbours
// are: bounds tighten in the first blocks, whole tiles can be passed over afterwards, and the rows that are scored
// again are the same few. No order changes a result.
#pragma once

#include <vector>

#include "core/neighbors/embedding_set.h"

namespace nearvote {

struct LocalityOrder {
  std::vector<int32_t> support;  // the searched rows, near ones together
  std::vector<int32_t> queries;  // all queries, likewise and along the same path
  std::vector<int64_t> starts;   // per query of that order: where in `support` its surroundings begin
};

// rows: the searched support rows, ascending. Evenly spaced rows are the pivots, strung together each to the nearest
// one left; every row belongs to its nearest pivot by the filter's score.
LocalityOrder locality_order(const EmbeddingSet& queries, const EmbeddingSet& support, const std::vector<int32_t>& rows,
                             int threads, const JobControl& job = {});

}  // namespace nearvote

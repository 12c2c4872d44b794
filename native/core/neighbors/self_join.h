// Top-k of a set with itself: the score of two rows serves both, so half the products suffice.
#pragma once

#include <functional>
#include <vector>

#include "core/neighbors/embedding_set.h"
#include "core/neighbors/hits.h"

namespace nearvote {

// Enough rows, and not too much scratch: candidates of all rows are kept at a time, 16 k + 512 bytes a row.
bool self_join_fits(const EmbeddingSet& set, int64_t k);

// take(row, hits): the k nearest rows of every row, itself among them, nearest first; called once per row from any
// thread. by_locality: in the order of locality.h. A set that a filter can search (filterable), 1 <= k <= rows.
void self_join(const EmbeddingSet& set, int64_t k, bool by_locality, int threads, const JobControl& job,
               const std::function<void(int64_t, const std::vector<Hit>&)>& take);

}  // namespace nearvote

// The k nearest support rows of every query, exact: decided by the canonical score, nearest first, ties by the lower
// index.
#pragma once

#include "core/neighbors/embedding_set.h"

namespace nearvote {

// indices, scores: queries.rows() x k, row-major. Scores: similarity (cosine, dot; descending) or true distance (l2;
// ascending), the canonical value rounded to float. 1 <= k <= support.rows(), else InvalidArgument.
void top_k(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k, int32_t* indices, float* scores,
           const RunOptions& options = {});

}  // namespace nearvote

// How a search of queries x support is cut into tasks. Nothing here changes a result.
#pragma once

#include <cstdint>

#include "core/neighbors/filter.h"

namespace nearvote {

struct SearchPlan {
  // What the bounds and candidates of a cell take, about.
  static constexpr int64_t kCellBytes = 32;

  bool direct;    // score every pair canonically: small work, or norms no filter can handle
  bool mutual;    // the rows that vote, among themselves, by mutual_voters.h; what follows is for the other queries
  int64_t block;  // queries per task
  int64_t query_blocks;
  int64_t segments;  // parts the support blocks are cut into when there are few queries
  int64_t support_blocks;
  bool by_locality;  // extension: search in the order of locality.h
  int threads;

  int64_t tasks() const { return query_blocks * segments; }
  int64_t first_support_block(int64_t segment) const { return support_blocks * segment / segments; }
};

// mutual_cells: per query, where the searched rows may be joined among themselves; else 0.
SearchPlan plan_search(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t searched_rows, int threads,
                       int64_t mutual_cells = 0);

}  // namespace nearvote

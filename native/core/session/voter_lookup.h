// The masked search an edit falls back to: chosen rows look for their nearest voter of one LF among chosen voters.
#pragma once

#include <limits>
#include <vector>

#include "core/neighbors/embedding_set.h"

namespace nearvote {

struct NearestVoter {
  double key = -std::numeric_limits<double>::infinity();
  int32_t row = -1;        // -1: none
  bool contested = false;  // voters of different classes share the key

  // Takes the nearer of the two; equal keys keep the lower row and remember whether the classes differ.
  void merge(const NearestVoter& other, const int8_t* votes);
};

// queries: rows of the set without a vote of the LF. voters: rows with one (and, under cosine, a direction), ascending.
// votes: the LF's column. at_least: a key per query; voters with a smaller key may be left out. out: one per query.
// Decided by the canonical score, whatever the filter. Throws Cancelled when the job is.
void find_nearest_voters(const EmbeddingSet& set, const std::vector<int32_t>& queries,
                         const std::vector<int32_t>& voters, const int8_t* votes, const std::vector<double>& at_least,
                         NearestVoter* out, const RunOptions& options);

}  // namespace nearvote

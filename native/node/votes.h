// Vote domains and counts as call arguments.
#pragma once

#include <cstdint>

#include "core/votes/vote_counts.h"
#include "node/args.h"

namespace nearvote::node {

// 0: signed votes -1/+1; K: votes 1..K
inline VoteDomain domain_arg(const Napi::CallbackInfo& info, size_t index) {
  const int64_t classes = int_arg(info, index);
  if (classes == 0) return {2, true};
  if (classes < 2 || classes > 127) throw Napi::RangeError::New(info.Env(), "Expected 0 or 2 to 127 classes");
  return {static_cast<int>(classes), false};
}

// Counts cross the border as float64 (exact below 2^53): rows, covered, overlaps (U), conflicts (U), then the upper
// triangle of the joint counts by rows, the diagonal included.
int64_t flat_counts_length(VoteDomain domain, int64_t lfs);
void flatten_counts(const VoteCounts& counts, double* out);
VoteCounts unflatten_counts(const double* flat, VoteDomain domain, int64_t lfs);

}  // namespace nearvote::node

// All scores of two embedding sets.
//
// similarity: cosine or dot. distance: 1 - similarity for cosine, the true distance for l2. Dots are float32 sums or,
// with AMX, exact sums of digits (neighbors/digits.h): within (d + 8) 2^-24 |a||b| (+ d 2^-149, below float32's range),
// the same bits for any thread count on one ISA. l2 distances whose square is below 1/64 of |a|^2 + |b|^2 are computed
// canonically, so equal rows are exactly 0 apart and nothing is negative. precise: every value is the canonical float64
// score, rounded once to float; the same bits on every ISA. So are, without asking, matrices with fewer than four rows
// on one side, very small ones, and those of norms float32 cannot multiply.
//
// Of a set with itself half is computed, the rest mirrored: the same bits. Scratch: per thread 256 rows of b; with
// digits those of at most 4,096 rows of either set, 3 bytes a value.
#pragma once

#include "core/neighbors/embedding_set.h"

namespace nearvote {

enum class PairwiseOutput { similarity, distance };

struct PairwiseOptions : RunOptions {
  bool precise = false;
};

// out: a.rows() x b.rows(), row-major, overlapping no input. Throws InvalidArgument when the sets do not fit together
// or the output does not exist for the metric (similarity for l2, distance for dot).
void pairwise(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, float* out,
              const PairwiseOptions& options = {});

}  // namespace nearvote

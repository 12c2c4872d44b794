// Accuracies from triplets (Fu, Chen et al., arXiv 2002.11955, algorithm 1): where three quantities agree only through
// Y, m_ij = b_i b_j and so b_i^2 = m_ij m_ik / m_jk. Only pairs (j, k) whose moment is at least two standard errors
// from zero count; a zero denominator is skipped, not averaged in as zero.
#pragma once

#include <cstdint>

#include "core/label_model/pair_moments.h"

namespace nearvote {

enum class TripletRule {
  mean,      // of the roots sqrt(b_i^2)
  median,    // of b_i^2
  weighted,  // mean of b_i^2 by inverse variance (delta method)
};

struct TripletEstimate {
  double magnitude = 0;    // |b|, not yet clamped, >= 0; 0 where candidates is 0
  int64_t candidates = 0;  // valid triplets
  double variance = 0;     // of |b|, delta method on the moments as if independent of one another
};

// |b| of one quantity: row[j] and row_variance[j] are its moments with the partners j, whose moments with each other
// are `partners`; partner `own` is left out.
TripletEstimate solve_triplets(const double* row, const double* row_variance, const PairMoments& partners, int64_t own,
                               TripletRule rule);

}  // namespace nearvote

// Accuracies from triplets of LFs (Fu, Chen et al., arXiv 2002.11955, algorithm 1), on moments of the rows where both
// LFs vote: b_i^2 = m_ij m_ik / m_jk. Only triplets whose denominator is at least two standard errors from zero count.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/label_model/pair_moments.h"

namespace nearvote {

enum class TripletRule {
  mean,      // of the roots sqrt(b_i^2)
  median,    // of b_i^2
  weighted,  // mean of b_i^2 by inverse variance (delta method)
};

struct TripletEstimates {
  std::vector<double> magnitude;    // m: |b_i|, not yet clamped, >= 0; 0 where candidates is 0
  std::vector<int64_t> candidates;  // m: valid triplets
};

TripletEstimates solve_triplets(const PairMoments& moments, TripletRule rule, int threads = 0,
                                const JobControl& job = {});

}  // namespace nearvote

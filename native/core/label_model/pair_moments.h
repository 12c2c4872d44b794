// Second moments of pairs of LFs. Agreement where both vote, beyond chance:
//   m_ij = (K P(agree | both vote) - 1) / (K - 1),  in [-1/(K-1), 1]; for K = 2 it is E[vote_i vote_j | both vote].
// If errors fall evenly on the wrong classes and are independent given Y, m_ij = b_i b_j with b_i = (K a_i - 1) / (K -
// 1) and a_i = P(vote_i = Y | i votes), whatever the class balance and whatever makes the LFs abstain.
#pragma once

#include <cstdint>
#include <vector>

#include "core/votes/vote_counts.h"

namespace nearvote {

struct PairMoments {
  int64_t lfs = 0;
  int classes = 2;
  std::vector<double> value;     // m x m, symmetric; 0 where no row has both votes
  std::vector<double> variance;  // m x m: sampling variance of value; infinity where no row has both votes

  double m(int64_t i, int64_t j) const { return value[static_cast<size_t>(i * lfs + j)]; }
  double var(int64_t i, int64_t j) const { return variance[static_cast<size_t>(i * lfs + j)]; }
};

PairMoments agreement_moments(const VoteCounts& counts);

// Covariances over all rows of the LFs' scores for class y, score = [vote = y] - [vote for another class]:
// q (1 - q) D_i D_j with D = E[score | y] - E[score | not y] if LFs are independent given "y or not y", whatever their
// errors and whatever makes them abstain. Variance 0 and infinity as above.
PairMoments score_moments(const VoteCounts& counts, int y);

// Covariances of one indicator u = (LF, class y) with those scores: row of m values and of m variances, infinite where
// u or the score never varies.
void indicator_moments(const VoteCounts& counts, int64_t u, std::vector<double>& row, std::vector<double>& variance);

// +1 or -1 for each LF so that the signs explain the signs of the moments as well as can be, and the LFs taken together
// (weighted by their votes) are right more often than wrong. LFs that share no row with any other get +1.
std::vector<int> recover_signs(const VoteCounts& counts, const PairMoments& moments);

}  // namespace nearvote

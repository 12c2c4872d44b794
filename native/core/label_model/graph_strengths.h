// How strongly each LF of a graph speaks for its task, from covariances of votes taken as numbers -1, 0, +1.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"
#include "core/label_model/graph_structure.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

// 2 sqrt(q (1 - q)): the standard deviation of Y with P(Y = +1) = q.
double sd_of_label(double positive);

// Means and covariances of all LFs, from exact counts.
struct VoteMoments {
  explicit VoteMoments(const VoteCounts& counts);

  double covariance(int64_t a, int64_t b) const { return covariances[static_cast<size_t>(a * lfs + b)]; }

  int64_t lfs;
  double rows;
  std::vector<double> mean, coverage;  // m
  std::vector<double> covariances;     // m x m, with the variances
};

struct LfStrength {
  double strength = 0;       // h = Cov(vote, Y) / sd(Y)
  double accuracy = 0.75;    // P(vote = Y | it votes)
  double low = 0, high = 1;  // 95 % interval of accuracy
  double coverage = 0;       // share of rows it votes on
};

// Cov(a, b) = h_a h_b for LFs of one task that no edges join, directly or not: alternating least squares with a ridge
// towards an accuracy of 3/4. Intervals: jackknife over 20 blocks of consecutive rows, so that rows that resemble their
// neighbours (frames) are not taken as independent, and the uncertainty of the prior where the votes do not outweigh
// it; [0, 1] for fewer than two rows. positive: P(Y = +1) of each task.
// Throws InvalidArgument for a task whose LFs all depend on each other.
std::vector<LfStrength> fit_strengths(VoteMatrix votes, const VoteCounts& counts, const GraphSpec& spec,
                                      const GraphStructure& structure, const std::vector<double>& positive,
                                      const JobControl& job);

}  // namespace nearvote

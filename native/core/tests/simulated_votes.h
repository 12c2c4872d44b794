// Votes drawn from known models, for tests that ask whether fitting finds the truth again.
#pragma once

#include <cstdint>
#include <vector>

#include "core/votes/vote_domain.h"

namespace nearvote::testing {

struct Random {
  uint64_t state;
  double uniform() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 11) / 9007199254740992.0;
  }
};

struct Simulation {
  std::vector<int8_t> votes;
  std::vector<int> labels;
};

// Independent LFs with symmetric errors: accuracy a_i where they vote, coverage c_i, abstains independent of Y.
inline Simulation simulate_symmetric(int64_t rows, const std::vector<double>& accuracy,
                                     const std::vector<double>& coverage, const std::vector<double>& balance,
                                     uint64_t seed) {
  Random random{seed * 2654435761u + 1};
  Simulation out;
  const int classes = static_cast<int>(balance.size());
  const VoteDomain domain{classes, classes == 2};
  for (int64_t r = 0; r < rows; ++r) {
    double u = random.uniform();
    int y = 0;
    while (y + 1 < classes && u >= balance[static_cast<size_t>(y)]) u -= balance[static_cast<size_t>(y++)];
    out.labels.push_back(y);
    for (size_t i = 0; i < accuracy.size(); ++i) {
      const bool votes = random.uniform() < coverage[i];
      const bool right = random.uniform() < accuracy[i];
      const int wrong = (y + 1 + static_cast<int>(random.uniform() * (classes - 1))) % classes;
      out.votes.push_back(domain.vote_of(votes ? (right ? y : wrong) : -1));
    }
  }
  return out;
}

// Binary, class-conditional: LF i votes c (0 or 1) with probability p[i][c][y] given Y = y.
struct ClassConditionalLf {
  double p[2][2];
};

inline Simulation simulate_conditional(int64_t rows, const std::vector<ClassConditionalLf>& lfs, double positive,
                                       uint64_t seed) {
  Random random{seed * 2654435761u + 1};
  Simulation out;
  for (int64_t r = 0; r < rows; ++r) {
    const int y = random.uniform() < positive ? 1 : 0;
    out.labels.push_back(y);
    for (const ClassConditionalLf& lf : lfs) {
      const double u = random.uniform();
      out.votes.push_back(u < lf.p[0][y] ? int8_t{-1} : u < lf.p[0][y] + lf.p[1][y] ? int8_t{1} : int8_t{0});
    }
  }
  return out;
}

}  // namespace nearvote::testing

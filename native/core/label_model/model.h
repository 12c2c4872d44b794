// A fitted label model: what prediction needs, as plain numbers, and what fitting found out about each LF.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/votes/vote_domain.h"

namespace nearvote {

// How the weights of a row's votes become P(Y | votes).
enum class Combine {
  bayes,    // start and weights are log-probabilities: they add up, softmax
  shares,   // weights are votes: they add up, divided by their sum; no vote: start
  product,  // start and weights are factors: they multiply, divided by their sum; sum 0: uniform (the reference's way)
};

// What fitting knows of one LF. Accuracy: P(vote = Y | the LF votes); under compat 'flyingsquid' the reference's
// number, P(vote = Y) with abstains counted as wrong.
struct LfAccuracy {
  double estimate = 0;
  double low = 0, high = 1;  // 95 % interval
  int sign = 1;              // -1: its votes speak against the class they name
  double coverage = 0;       // share of the rows it votes on
  bool clamped = false;      // the raw estimate lay outside what its number of votes can support
  bool from_prior = false;   // nothing in the votes tells its accuracy: the estimate is the prior's
};

struct LabelModel {
  VoteDomain domain;
  int64_t lfs = 0;
  Combine combine = Combine::bayes;
  std::vector<double> class_balance;              // K: P(Y = y)
  std::vector<double> balance_low, balance_high;  // K: 95 % intervals of an estimated balance, else empty
  std::vector<double> start;                      // K
  std::vector<double> weights;         // m x (K + 1) x K: of LF i's outcome o (0 abstain, then the classes) for class y
  std::vector<LfAccuracy> accuracies;  // m

  double& weight(int64_t lf, int outcome, int y) {
    return weights[static_cast<size_t>((lf * (domain.classes + 1) + outcome) * domain.classes + y)];
  }
  double weight(int64_t lf, int outcome, int y) const { return const_cast<LabelModel*>(this)->weight(lf, outcome, y); }
};

}  // namespace nearvote

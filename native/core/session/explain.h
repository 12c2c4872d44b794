// Why a row has its label: the prior, and what each labelling function adds to it. The parts are the numbers
// that predict_proba adds up, in its order. Two classes under Combine::bayes: with s the sum of the differences of
// weights and r = exp(-|s|), the posterior of class 1 has the bits of 1 / (1 + r) for s > 0, else r / (1 + r).
#pragma once

#include <vector>

#include "core/session/session.h"

namespace nearvote {

struct Evidence {
  int64_t lf;
  int8_t vote;                  // 0 only under Combine::product, where abstaining is evidence too
  int32_t neighbor;             // the row the vote was taken from; kDirectVote, kAbstains
  double score;                 // canonical similarity or true distance of that row; NaN if there is none
  std::vector<double> weights;  // K
};

// A neighbour that counts in a smoothed posterior, and what it stands for.
struct NeighborState {
  int32_t row;
  double weight;
  std::vector<double> state;  // K
};

struct Explanation {
  Combine combine;
  std::vector<double> start;  // K: what a row without votes has
  std::vector<Evidence> evidence;
  std::vector<double> own;        // proba_columns: what start and evidence give
  std::vector<double> posterior;  // proba_columns: own, unless the state is smoothed
  int8_t label;
  // Of a smoothed state: the row's neighbours, nearest first, and the mean state of all rows (K).
  std::vector<NeighborState> neighbors;
  std::vector<double> mean;
};

// 0 <= row < state.rows().
Explanation explain(const SessionState& state, int64_t row);

}  // namespace nearvote

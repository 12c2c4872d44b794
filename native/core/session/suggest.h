// What to look at next: pairs of labelling functions that contradict each other more than their accuracies explain, and
// places in embedding space that no labelling function speaks of.
#pragma once

#include <vector>

#include "core/session/session.h"

namespace nearvote {

struct Conflict {
  int64_t a, b;               // labelling functions, a < b
  int64_t overlap;            // rows on which both vote themselves
  int64_t disagree;           // for different classes
  double expected;            // disagreements if their errors were independent given the class
  std::vector<int32_t> rows;  // some of them, ascending
};

// accuracies: per LF, P(vote = Y | it votes). With accuracies p and q two votes for one of K classes agree with
// probability p q + (1 - p)(1 - q) / (K - 1). Reported: at least 3 disagreements, and 3 standard deviations (binomial)
// more than expected; the largest surplus first, at most `count`, with at most `examples` rows each.
std::vector<Conflict> find_conflicts(const SessionState& state, const std::vector<double>& accuracies, int64_t count,
                                     int64_t examples);

struct Region {
  int32_t row;                // its densest row
  int64_t size;               // rows
  std::vector<int32_t> rows;  // its densest and those nearest to it
};

// Rows without any vote (extended ones included, unless the state is smoothed) in groups: each belongs to the nearest
// such row in its list that has more of them around it, if that is no farther than its neighbours are on the whole
// (mode seeking, Vedaldi & Soatto 2008). Groups of at least 5 rows, the largest first, at most `count`.
std::vector<Region> find_uncovered(const SessionState& state, int64_t count, int64_t examples);

}  // namespace nearvote

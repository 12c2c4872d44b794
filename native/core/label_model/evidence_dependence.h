// How far from independent the votes are, in the terms that matter to a posterior: the variance, given Y, of the summed
// evidence log P(u | y) / P(u | not y) of a row's votes, as a multiple of what LFs that are independent given Y would
// have. 1: independent, or negative dependence. Summed over the classes y (binary: one of them).
#pragma once

#include <vector>

#include "core/label_model/correlations.h"

namespace nearvote {

// factor: A x rank, the fitted correlations are its products. likelihood: U x K, P(u | Y = y).
double evidence_dependence(const Correlations& correlations, const VoteShares& shares,
                           const std::vector<double>& balance, const std::vector<double>& factor, int rank,
                           const std::vector<double>& likelihood);

}  // namespace nearvote

// The shares of three classes or more, each from the votes for it. Given "class y or not", LFs that vote for y are
// taken as independent; what votes for other classes do is left open but for two numbers, S_1 and S_0: how often no LF
// votes for another class on rows of class y and on others. For each u = (LF i, y),
//   P(u, nobody votes for another class) = sum_z P(z) P(u | z) S_z / (1 - P(i votes for another class | z)),
//   P(u, nobody else votes) = the same with P(u | z) prod_j (1 - P(j votes y | z)), z in {y, not y}:
// the former fixes S_1 and S_0 for each q = P(y), the latter then judges q.
#pragma once

#include <vector>

#include "core/label_model/balance_posterior.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

// One a class, not made to sum to 1. Too few LFs vote for a class to show how badly its pairs fit: the worst of all
// classes stands for all.
std::vector<Share> class_shares(const VoteCounts& counts, const JobControl& job);

}  // namespace nearvote

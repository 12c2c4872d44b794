// A label model of several binary tasks: tables P(votes of a group | Y_j), and P(Y) on a forest of tasks (or on the
// positions of sequences). Posteriors are exact: sum-product message passing, linear in tasks and positions.
#pragma once

#include <array>
#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"

namespace nearvote {

// log P(votes of `lfs` | Y_task) to the power of `exponent`. Outcomes are numbered in base 3, the first LF the lowest
// digit: 0 abstain, 1 for -1, 2 for +1.
struct GroupTable {
  int64_t task = 0;
  double exponent = 1;
  std::vector<int64_t> lfs;
  std::vector<double> log_likelihood;  // 3^k x 2 (Y = -1, +1), finite
};

// P(Y_parent, Y_child), [-1, +1] each; parent -1: P(Y_child) in column [0][y].
struct TaskTable {
  int64_t task = 0;
  int64_t parent = -1;
  std::array<std::array<double, 2>, 2> probability{};
};

struct GraphModel {
  int64_t lfs = 0;
  int64_t tasks = 1;
  std::vector<GroupTable> groups;
  std::vector<TaskTable> order;  // parents before children
  // Sequences (tasks == 1): P(Y_t, Y_t+1), the same at every position; all zero otherwise.
  std::array<std::array<double, 2>, 2> transition{};
};

// out: n x tasks, P(Y_j = +1 | votes of the row). lengths: null, or the lengths of the sequences that the rows form one
// after the other (they sum to n; only for a model with a transition): then P(Y_t = +1 | all votes of its sequence).
void predict_graph(const GraphModel& model, VoteMatrix votes, const std::vector<int64_t>* lengths, double* out,
                   int threads, const JobControl& job = {});

}  // namespace nearvote

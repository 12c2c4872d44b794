// Fitting a graph model. Per task j and LF x, Cov(x, Y_j) = h_x sd(Y_j) follows from the LFs of the task that are
// independent of each other given Y_j: Cov(a, b) = h_a h_b (fitted by alternating least squares with a ridge towards
// the prior that an LF is right three times out of four). With the h of the LFs x outside its component, any function f
// of the votes of a group has Cov(f, Y_j) = sd(Y_j) Cov(f, x) / h_x, because Y_j is binary; so the joint table of a
// group, abstains included, is linear in counts:
//   P(o | Y_j = y) = P(o) + (y - E[Y_j]) / sd(Y_j) * sum_x h_x Cov(1_o, x) / sum_x h_x^2,
// clipped to [0, 1] and divided by its sum. Abstaining may depend on Y_j, and nothing is assumed within a group.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"
#include "core/label_model/graph_model.h"
#include "core/label_model/graph_strengths.h"
#include "core/label_model/graph_structure.h"

namespace nearvote {

// P(Y_j = +1) per task, and per edge of the forest how strongly its tasks go together.
struct TaskBalance {
  std::vector<double> positive;  // v numbers in (0, 1)
  // P(Y = -1, -1), (-1, +1), (+1, -1), (+1, +1) of each task with its parent, in the order of GraphStructure::order
  // (roots: ignored). Empty: correlations estimated from the votes.
  std::vector<std::array<double, 4>> edges;
};

struct GraphFit {
  GraphModel model;
  std::vector<LfStrength> lfs;
  std::vector<double> correlations;  // of each task with its parent, in the order; sequences: of neighbours, one number
};

// votes: -1, 0, +1, n >= 1. Each task needs LFs in at least two components or none at all; else InvalidArgument.
GraphFit fit_graph(VoteMatrix votes, const GraphSpec& spec, const TaskBalance& balance, const JobControl& job = {});

// Sequences: spec.tasks == 1; the rows form sequences of these lengths, whose positions share all tables.
GraphFit fit_sequences(VoteMatrix votes, const GraphSpec& spec, double positive, const std::vector<int64_t>& lengths,
                       const JobControl& job = {});

}  // namespace nearvote

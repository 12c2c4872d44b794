// Which variables depend on which: v binary tasks joined by edges, every LF speaking of one task, LFs of the same task
// joined by edges (FlyingSquid, arXiv 2002.11955, section 3). From it follow the cliques and separators whose tables
// make up
//   P(votes | Y) = prod_j  prod_{cliques of task j} P(votes of clique | Y_j) / prod_{separators} P(votes of separator |
//   Y_j).
// What is accepted: the tasks' edges form a forest; LF edges join LFs of one task and leave no cycle of four or more
// without a chord; a clique holds at most kMaxClique LFs. Anything else is refused with the reason.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace nearvote {

constexpr int64_t kMaxClique = 6;

struct GraphSpec {
  int64_t lfs = 0;
  int64_t tasks = 1;
  std::vector<std::pair<int64_t, int64_t>> task_edges;
  std::vector<int64_t> lf_tasks;  // per LF
  std::vector<std::pair<int64_t, int64_t>> lf_edges;
};

// A set of LFs of one task whose joint table P(votes | Y) enters with `exponent`: +1 a clique, -1 a separator.
struct LfGroup {
  int64_t task;
  int exponent;
  std::vector<int64_t> lfs;  // ascending
};

// A task with the task it hangs on, parents before children; parent -1: the root of its tree.
struct TaskNode {
  int64_t task;
  int64_t parent;
};

struct GraphStructure {
  std::vector<LfGroup> groups;
  std::vector<int64_t> component;  // per LF: LFs joined by edges, directly or not, share a number
  std::vector<TaskNode> order;     // every task once
};

// Throws InvalidArgument with what is wrong.
GraphStructure analyse_graph(const GraphSpec& spec);

}  // namespace nearvote

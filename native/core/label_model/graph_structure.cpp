#include "core/label_model/graph_structure.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/base/error.h"

namespace nearvote {
namespace {

using Neighbors = std::vector<std::vector<int64_t>>;

std::string name_edge(std::pair<int64_t, int64_t> edge) {
  return "[" + std::to_string(edge.first) + ", " + std::to_string(edge.second) + "]";
}

Neighbors neighbors_of(int64_t nodes, const std::vector<std::pair<int64_t, int64_t>>& edges, const char* parameter) {
  Neighbors neighbors(static_cast<size_t>(nodes));
  for (const auto& edge : edges) {
    const auto [a, b] = edge;
    if (a < 0 || b < 0 || a >= nodes || b >= nodes || a == b)
      throw expected("edges between two of " + std::to_string(nodes), parameter, name_edge(edge));
    auto& of_a = neighbors[static_cast<size_t>(a)];
    if (std::find(of_a.begin(), of_a.end(), b) != of_a.end()) continue;
    of_a.push_back(b);
    neighbors[static_cast<size_t>(b)].push_back(a);
  }
  return neighbors;
}

std::vector<TaskNode> order_tasks(const GraphSpec& spec) {
  const Neighbors neighbors = neighbors_of(spec.tasks, spec.task_edges, "taskEdges");
  std::vector<TaskNode> order;
  std::vector<bool> seen(static_cast<size_t>(spec.tasks), false);
  for (int64_t root = 0; root < spec.tasks; ++root) {
    if (seen[static_cast<size_t>(root)]) continue;
    seen[static_cast<size_t>(root)] = true;
    order.push_back({root, -1});
    for (size_t next = order.size() - 1; next < order.size(); ++next) {
      const TaskNode node = order[next];
      for (const int64_t other : neighbors[static_cast<size_t>(node.task)]) {
        if (other == node.parent) continue;
        if (seen[static_cast<size_t>(other)])
          throw expected("a forest (tasks without cycles)", "taskEdges",
                         "a cycle through tasks " + std::to_string(node.task) + " and " + std::to_string(other));
        seen[static_cast<size_t>(other)] = true;
        order.push_back({other, node.task});
      }
    }
  }
  return order;
}

bool adjacent(const Neighbors& neighbors, int64_t a, int64_t b) {
  const auto& of_a = neighbors[static_cast<size_t>(a)];
  return std::find(of_a.begin(), of_a.end(), b) != of_a.end();
}

// The maximal cliques of one connected component by maximum cardinality search (Tarjan & Yannakakis 1984); refuses a
// component with a chordless cycle.
std::vector<std::vector<int64_t>> cliques_of(const std::vector<int64_t>& members, const Neighbors& neighbors) {
  std::vector<int64_t> visited;
  std::vector<std::vector<int64_t>> cliques;
  std::vector<int64_t> rest = members;
  const auto visited_neighbors = [&](int64_t node) {
    std::vector<int64_t> found;
    for (const int64_t other : visited)
      if (adjacent(neighbors, node, other)) found.push_back(other);
    return found;
  };
  while (!rest.empty()) {
    const auto next = std::max_element(rest.begin(), rest.end(), [&](int64_t a, int64_t b) {
      return visited_neighbors(a).size() < visited_neighbors(b).size();
    });
    const int64_t node = *next;
    std::vector<int64_t> clique = visited_neighbors(node);
    for (size_t i = 0; i < clique.size(); ++i)
      for (size_t j = i + 1; j < clique.size(); ++j)
        if (!adjacent(neighbors, clique[i], clique[j]))
          throw expected("no cycle of four or more labelling functions without a chord", "lfEdges",
                         "one through " + std::to_string(clique[i]) + ", " + std::to_string(node) + " and " +
                             std::to_string(clique[j]) + " (join two of its members that are not joined)");
    clique.push_back(node);
    std::sort(clique.begin(), clique.end());
    if (static_cast<int64_t>(clique.size()) > kMaxClique)
      throw expected("at most " + std::to_string(kMaxClique) + " labelling functions that all depend on each other",
                     "lfEdges", std::to_string(clique.size()));
    cliques.push_back(std::move(clique));
    visited.push_back(node);
    rest.erase(next);
  }
  std::vector<std::vector<int64_t>> maximal;
  for (size_t i = 0; i < cliques.size(); ++i) {
    bool inside = false;
    for (size_t j = 0; j < cliques.size() && !inside; ++j)
      inside = i != j && cliques[i].size() < cliques[j].size() &&
               std::includes(cliques[j].begin(), cliques[j].end(), cliques[i].begin(), cliques[i].end());
    if (!inside) maximal.push_back(cliques[i]);
  }
  return maximal;
}

// The separators of a junction tree: a spanning tree of the cliques with the largest intersections (Prim).
std::vector<std::vector<int64_t>> separators_of(const std::vector<std::vector<int64_t>>& cliques) {
  std::vector<std::vector<int64_t>> separators;
  std::vector<size_t> inside = {0}, outside(cliques.size() - 1);
  std::iota(outside.begin(), outside.end(), size_t{1});
  while (!outside.empty()) {
    std::vector<int64_t> best;
    size_t best_at = 0;
    for (size_t at = 0; at < outside.size(); ++at) {
      for (const size_t in : inside) {
        std::vector<int64_t> common;
        std::set_intersection(cliques[in].begin(), cliques[in].end(), cliques[outside[at]].begin(),
                              cliques[outside[at]].end(), std::back_inserter(common));
        if (common.size() > best.size()) {
          best = std::move(common);
          best_at = at;
        }
      }
    }
    separators.push_back(std::move(best));
    inside.push_back(outside[best_at]);
    outside.erase(outside.begin() + static_cast<int64_t>(best_at));
  }
  return separators;
}

}  // namespace

GraphStructure analyse_graph(const GraphSpec& spec) {
  if (static_cast<int64_t>(spec.lf_tasks.size()) != spec.lfs)
    throw expected(std::to_string(spec.lfs) + " tasks, one per labelling function", "lfTasks",
                   std::to_string(spec.lf_tasks.size()));
  for (size_t i = 0; i < spec.lf_tasks.size(); ++i)
    if (spec.lf_tasks[i] < 0 || spec.lf_tasks[i] >= spec.tasks)
      throw expected("a task in [0, " + std::to_string(spec.tasks - 1) + "]", "lfTasks[" + std::to_string(i) + "]",
                     std::to_string(spec.lf_tasks[i]));
  GraphStructure structure;
  structure.order = order_tasks(spec);
  const Neighbors neighbors = neighbors_of(spec.lfs, spec.lf_edges, "lfEdges");
  for (const auto& edge : spec.lf_edges)
    if (spec.lf_tasks[static_cast<size_t>(edge.first)] != spec.lf_tasks[static_cast<size_t>(edge.second)])
      throw expected("edges between labelling functions of the same task", "lfEdges", name_edge(edge));

  structure.component.assign(static_cast<size_t>(spec.lfs), -1);
  for (int64_t lf = 0; lf < spec.lfs; ++lf) {
    if (structure.component[static_cast<size_t>(lf)] >= 0) continue;
    std::vector<int64_t> members = {lf};
    structure.component[static_cast<size_t>(lf)] = lf;
    for (size_t next = 0; next < members.size(); ++next) {
      for (const int64_t other : neighbors[static_cast<size_t>(members[next])]) {
        if (structure.component[static_cast<size_t>(other)] >= 0) continue;
        structure.component[static_cast<size_t>(other)] = lf;
        members.push_back(other);
      }
    }
    const int64_t task = spec.lf_tasks[static_cast<size_t>(lf)];
    const auto cliques = cliques_of(members, neighbors);
    for (const auto& clique : cliques) structure.groups.push_back({task, 1, clique});
    for (auto& separator : separators_of(cliques)) structure.groups.push_back({task, -1, std::move(separator)});
  }
  return structure;
}

}  // namespace nearvote

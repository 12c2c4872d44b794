#include "core/session/next_to_label.h"

#include <cmath>
#include <queue>

#include "core/base/parallel.h"
#include "core/label_model/posterior.h"
#include "core/session/closeness.h"

namespace nearvote {
namespace {

constexpr int64_t kNeighbors = 32;
constexpr int64_t kRowsPerTask = 1024;

double entropy(const double* proba, int64_t columns) {
  const auto part = [](double p) { return p > 0 ? -p * std::log2(p) : 0; };
  if (columns == 1) return part(proba[0]) + part(1 - proba[0]);
  double sum = 0;
  for (int64_t y = 0; y < columns; ++y) sum += part(proba[y]);
  return sum;
}

struct Candidate {
  double gain;
  int32_t row;
  bool operator<(const Candidate& other) const { return gain != other.gain ? gain < other.gain : row > other.row; }
};

}  // namespace

std::vector<int32_t> next_to_label(const SessionState& state, const std::vector<int32_t>& labelled, int64_t count,
                                   const RunOptions& options) {
  const NeighborLists& lists = *state.lists;
  const int64_t rows = state.rows(), columns = proba_columns(state.model);
  const Closeness closeness(state.set->metric(), lists);
  std::vector<double> open(static_cast<size_t>(rows)), gains(open.size());
  const auto settle = [&](int32_t row) {
    open[static_cast<size_t>(row)] = 0;
    for (int64_t e = 0; e < std::min(kNeighbors, lists.count(row)); ++e)
      open[static_cast<size_t>(NeighborLists::row_of(lists.entries(row)[e]))] *= 1 - closeness(lists.scores(row)[e]);
  };
  const auto gain = [&](int64_t row) {
    double sum = open[static_cast<size_t>(row)];
    for (int64_t e = 0; e < std::min(kNeighbors, lists.count(row)); ++e)
      sum += closeness(lists.scores(row)[e]) * open[static_cast<size_t>(NeighborLists::row_of(lists.entries(row)[e]))];
    return sum;
  };
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  const int threads = effective_threads(options.threads, tasks);
  const auto for_rows = [&](auto&& body) {
    parallel_for(tasks, threads, [&](int64_t task, int) {
      for (int64_t row = task * kRowsPerTask; row < std::min(rows, (task + 1) * kRowsPerTask); ++row) body(row);
    });
  };
  for_rows([&](int64_t row) { open[static_cast<size_t>(row)] = entropy(state.proba.data() + row * columns, columns); });
  std::vector<uint8_t> taken(open.size());
  for (const int32_t row : labelled) {
    settle(row);
    taken[static_cast<size_t>(row)] = 1;
  }
  for_rows([&](int64_t row) { gains[static_cast<size_t>(row)] = gain(row); });

  // Gains only fall: the first candidate whose gain still holds is the best.
  std::priority_queue<Candidate> queue;
  for (int64_t row = 0; row < rows; ++row)
    if (taken[static_cast<size_t>(row)] == 0) queue.push({gains[static_cast<size_t>(row)], static_cast<int32_t>(row)});
  std::vector<int32_t> chosen;
  while (!queue.empty() && static_cast<int64_t>(chosen.size()) < count) {
    const Candidate best = queue.top();
    queue.pop();
    const double now = gain(best.row);
    if (now < best.gain) {
      queue.push({now, best.row});
      continue;
    }
    if (now <= 0) break;
    chosen.push_back(best.row);
    settle(best.row);
  }
  return chosen;
}

}  // namespace nearvote

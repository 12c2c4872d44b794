#include "core/label_model/graph_model.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

using Pair = std::array<double, 2>;

// Divides by the sum; what is impossible either way becomes even.
void normalise(Pair& p) {
  const double sum = p[0] + p[1];
  p = sum > 0 ? Pair{p[0] / sum, p[1] / sum} : Pair{0.5, 0.5};
}

// The likelihoods of one row, scaled so that the larger one of each task is 1.
void evidence(const GraphModel& model, const int8_t* votes, std::vector<Pair>& out) {
  std::fill(out.begin(), out.end(), Pair{0, 0});
  for (const GroupTable& group : model.groups) {
    size_t outcome = 0, digit = 1;
    for (const int64_t lf : group.lfs) {
      outcome += digit * static_cast<size_t>(votes[lf] == 0 ? 0 : votes[lf] < 0 ? 1 : 2);
      digit *= 3;
    }
    Pair& task = out[static_cast<size_t>(group.task)];
    task[0] += group.exponent * group.log_likelihood[2 * outcome];
    task[1] += group.exponent * group.log_likelihood[2 * outcome + 1];
  }
  for (Pair& task : out) {
    const double largest = std::max(task[0], task[1]);
    task = {std::exp(task[0] - largest), std::exp(task[1] - largest)};
  }
}

// One row of a forest: messages from the leaves to the roots, then back.
class Forest {
 public:
  explicit Forest(const GraphModel& model)
      : model_(model), up_(model.order.size()), belief_(static_cast<size_t>(model.tasks)) {}

  void marginals(const std::vector<Pair>& likelihood, double* out) {
    for (size_t j = 0; j < belief_.size(); ++j) belief_[j] = likelihood[j];
    for (size_t at = model_.order.size(); at-- > 0;) {
      const TaskTable& node = model_.order[at];
      Pair& mine = belief_[static_cast<size_t>(node.task)];
      normalise(mine);
      if (node.parent < 0) continue;
      // P(child | parent) summed over the child; the parent's own marginal is divided out.
      for (int y = 0; y < 2; ++y) {
        const Pair& row = node.probability[static_cast<size_t>(y)];
        const double marginal = row[0] + row[1];
        up_[at][static_cast<size_t>(y)] = marginal > 0 ? (row[0] * mine[0] + row[1] * mine[1]) / marginal : 0;
      }
      Pair& parent = belief_[static_cast<size_t>(node.parent)];
      parent = {parent[0] * up_[at][0], parent[1] * up_[at][1]};
      normalise(parent);  // a task with thousands of children would underflow
    }
    for (size_t at = 0; at < model_.order.size(); ++at) {
      const TaskTable& node = model_.order[at];
      Pair& mine = belief_[static_cast<size_t>(node.task)];
      if (node.parent < 0) {
        mine = {mine[0] * node.probability[0][0], mine[1] * node.probability[0][1]};
      } else {
        const Pair& parent = belief_[static_cast<size_t>(node.parent)];
        Pair down{0, 0};
        for (size_t y = 0; y < 2; ++y) {
          const Pair& row = node.probability[y];
          const double marginal = row[0] + row[1];
          // The parent's belief without what this child told it.
          const double others = up_[at][y] > 0 ? parent[y] / up_[at][y] : 0;
          if (marginal > 0)
            for (size_t z = 0; z < 2; ++z) down[z] += others * row[z] / marginal;
        }
        mine = {mine[0] * down[0], mine[1] * down[1]};
      }
      normalise(mine);
      out[node.task] = mine[1];
    }
  }

 private:
  const GraphModel& model_;
  std::vector<Pair> up_;      // per place in the order: message to the parent
  std::vector<Pair> belief_;  // per task
};

// Forward and backward over one sequence.
void smooth(const GraphModel& model, const std::vector<Pair>& likelihood, std::vector<Pair>& forward, double* out) {
  const auto steps = likelihood.size();
  const auto& joint = model.transition;
  const auto next = [&](const Pair& from) {
    Pair to{0, 0};
    for (size_t y = 0; y < 2; ++y) {
      const double marginal = joint[y][0] + joint[y][1];
      if (marginal <= 0) continue;
      for (size_t z = 0; z < 2; ++z) to[z] += from[y] * joint[y][z] / marginal;
    }
    return to;
  };
  const Pair start = {joint[0][0] + joint[0][1], joint[1][0] + joint[1][1]};
  forward.resize(steps);
  for (size_t t = 0; t < steps; ++t) {
    const Pair before = t == 0 ? start : next(forward[t - 1]);
    forward[t] = {before[0] * likelihood[t][0], before[1] * likelihood[t][1]};
    normalise(forward[t]);
  }
  // backward[y]: likelihood of what comes after, given Y_t = y. P(Y_t+1 | Y_t) read against the marginal of Y_t.
  Pair backward{1, 1};
  for (size_t t = steps; t-- > 0;) {
    Pair posterior = {forward[t][0] * backward[0], forward[t][1] * backward[1]};
    normalise(posterior);
    out[t] = posterior[1];
    const Pair after = {backward[0] * likelihood[t][0], backward[1] * likelihood[t][1]};
    Pair message{0, 0};
    for (size_t y = 0; y < 2; ++y) {
      const double marginal = joint[y][0] + joint[y][1];
      if (marginal > 0) message[y] = (joint[y][0] * after[0] + joint[y][1] * after[1]) / marginal;
    }
    normalise(message);
    backward = message;
  }
}

}  // namespace

void predict_graph(const GraphModel& model, VoteMatrix votes, const std::vector<int64_t>* lengths, double* out,
                   int threads, const JobControl& job) {
  if (lengths == nullptr) {
    constexpr int64_t kRows = 256;
    const int64_t tasks = (votes.rows + kRows - 1) / kRows;
    parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t chunk, int) {
      job.check();
      Forest forest(model);
      std::vector<Pair> likelihood(static_cast<size_t>(model.tasks));
      for (int64_t i = chunk * kRows; i < std::min(votes.rows, (chunk + 1) * kRows); ++i) {
        evidence(model, votes.row(i), likelihood);
        forest.marginals(likelihood, out + i * model.tasks);
      }
    });
    return;
  }
  std::vector<int64_t> first = {0};
  for (const int64_t length : *lengths) first.push_back(first.back() + length);
  const auto sequences = static_cast<int64_t>(lengths->size());
  parallel_for(sequences, effective_threads(threads, sequences), [&](int64_t s, int) {
    job.check();
    std::vector<Pair> likelihood, forward, one(1);
    for (int64_t i = first[static_cast<size_t>(s)]; i < first[static_cast<size_t>(s + 1)]; ++i) {
      evidence(model, votes.row(i), one);
      likelihood.push_back(one[0]);
    }
    smooth(model, likelihood, forward, out + first[static_cast<size_t>(s)]);
  });
}

}  // namespace nearvote

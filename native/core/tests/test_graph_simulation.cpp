// Graph models against known truths beside the reference on the same votes, and on any votes at all.
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/label_model/flyingsquid.h"
#include "core/label_model/graph_fit.h"
#include "core/tests/check.h"
#include "core/tests/simulated_votes.h"

using namespace nearvote;
using namespace nearvote::testing;

// A chain of three tasks, three LFs each. The reference's default averages over all pairs of other LFs, also of other
// tasks (L2), which biases it towards 1/2 for any number of rows.
TEST(a_chain_of_tasks) {
  const std::vector<double> accuracy{0.9, 0.8, 0.75, 0.7, 0.85, 0.8, 0.9, 0.75, 0.7};
  const GraphSpec spec{9, 3, {{0, 1}, {1, 2}}, {0, 0, 0, 1, 1, 1, 2, 2, 2}, {}};
  TaskBalance balance;
  balance.positive = {0.5, 0.5, 0.5};
  double before = 1;
  for (const int64_t rows : {1000, 10000, 100000}) {
    double error = 0, theirs = 0, brier = 0, brier_of_truth = 0;
    constexpr int draws = 4;
    for (uint64_t seed = 0; seed < draws; ++seed) {
      Random random{seed * 977 + 3};
      std::vector<int8_t> votes;
      std::vector<int> labels;
      for (int64_t r = 0; r < rows; ++r) {
        int y = random.uniform() < 0.5 ? 1 : -1;
        for (size_t task = 0; task < 3; ++task) {
          if (task > 0 && random.uniform() < 0.2) y = -y;
          labels.push_back(y);
          for (size_t k = 0; k < 3; ++k) {
            const bool right = random.uniform() < accuracy[3 * task + k];
            votes.push_back(random.uniform() < 0.8 ? static_cast<int8_t>(right ? y : -y) : int8_t{0});
          }
        }
      }
      const VoteMatrix matrix{votes.data(), rows, 9};
      const GraphFit fit = fit_graph(matrix, spec, balance);
      const LabelModel reference = fit_flyingsquid(count_votes(matrix, VoteDomain{}), {0.5, 0.5}, {});
      for (size_t i = 0; i < 9; ++i) {
        error += std::fabs(fit.lfs[i].accuracy - accuracy[i]) / (9 * draws);
        theirs +=
            std::fabs(reference.accuracies[i].estimate / reference.accuracies[i].coverage - accuracy[i]) / (9 * draws);
      }
      // The same posterior under the true parameters.
      GraphModel truth = fit.model;
      for (GroupTable& group : truth.groups) {
        const double a = accuracy[static_cast<size_t>(group.lfs[0])];
        group.log_likelihood = {0, 0, std::log(a), std::log(1 - a), std::log(1 - a), std::log(a)};
      }
      for (TaskTable& node : truth.order)
        if (node.parent >= 0) node.probability = {{{0.4, 0.1}, {0.1, 0.4}}};
      std::vector<double> ours(labels.size()), best(labels.size());
      predict_graph(fit.model, matrix, nullptr, ours.data(), 0);
      predict_graph(truth, matrix, nullptr, best.data(), 0);
      for (size_t at = 0; at < labels.size(); ++at) {
        const double y = labels[at] == 1 ? 1 : 0, share = 1.0 / static_cast<double>(draws * labels.size());
        brier += (ours[at] - y) * (ours[at] - y) * share;
        brier_of_truth += (best[at] - y) * (best[at] - y) * share;
      }
    }
    std::printf("  n %6d: accuracy error %.4f (FlyingSquid %.4f), Brier %.4f (truth %.4f)\n", static_cast<int>(rows),
                error, theirs, brier, brier_of_truth);
    CHECK(error < theirs / 2);
    CHECK(error < before / 2);  // a tenfold n divides it by about 3.2
    CHECK(brier - brier_of_truth < 20.0 / static_cast<double>(rows));
    before = error;
  }
}

// Any votes, any valid graph: finite tables, accuracies within their intervals, posteriors between 0 and 1.
TEST(any_votes_give_a_posterior) {
  Random random{11};
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random.uniform() * static_cast<double>(limit)); };
  int64_t wrong = 0;
  for (int trial = 0; trial < 5000; ++trial) {
    const int64_t rows = 1 + below(30), tasks = 1 + below(2), lfs = 4 * tasks;
    const double density = random.uniform(), positive = 0.02 + 0.96 * random.uniform();
    std::vector<int8_t> votes;
    for (int64_t cell = 0; cell < rows * lfs; ++cell)
      votes.push_back(random.uniform() >= density ? int8_t{0} : random.uniform() < positive ? int8_t{1} : int8_t{-1});
    GraphSpec spec{lfs, tasks, {}, {}, {}};
    if (tasks == 2) spec.task_edges = {{0, 1}};
    for (int64_t lf = 0; lf < lfs; ++lf) spec.lf_tasks.push_back(lf / 4);
    if (trial % 3 > 0) spec.lf_edges = {{0, 1}};
    if (trial % 3 > 1) spec.lf_edges.emplace_back(0, 2);
    TaskBalance balance;
    balance.positive.assign(static_cast<size_t>(tasks), positive);
    const VoteMatrix matrix{votes.data(), rows, lfs};
    const std::vector<int64_t> lengths = {rows / 2, rows - rows / 2};
    const bool sequences = tasks == 1 && trial % 2 == 0;
    const GraphFit fit = sequences ? fit_sequences(matrix, spec, positive, lengths) : fit_graph(matrix, spec, balance);
    for (const LfStrength& lf : fit.lfs)
      wrong += 0 <= lf.low && lf.low <= lf.accuracy && lf.accuracy <= lf.high && lf.high <= 1 ? 0 : 1;
    std::vector<double> proba(static_cast<size_t>(rows * tasks));
    predict_graph(fit.model, matrix, sequences ? &lengths : nullptr, proba.data(), 1);
    for (const double p : proba) wrong += p >= 0 && p <= 1 ? 0 : 1;
  }
  CHECK(wrong == 0);
}

CHECK_MAIN

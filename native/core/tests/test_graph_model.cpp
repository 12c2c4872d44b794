// Graph models against their definitions: inference by summing over all labels, fits on votes drawn from known models.
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/label_model/graph_fit.h"
#include "core/tests/check.h"

using namespace nearvote;

namespace {

// P(Y_j = +1 | votes) by summing over all 2^v labels.
std::vector<double> by_enumeration(const GraphModel& model, const int8_t* votes) {
  std::vector<double> positive(static_cast<size_t>(model.tasks), 0.0);
  double total = 0;
  for (size_t labels = 0; labels < size_t{1} << model.tasks; ++labels) {
    const auto y = [&](int64_t task) { return static_cast<size_t>(labels >> task & 1); };
    double p = 1;
    for (const TaskTable& node : model.order) {
      if (node.parent < 0) {
        p *= node.probability[0][y(node.task)];
      } else {
        const auto& row = node.probability[y(node.parent)];
        p *= row[y(node.task)] / (row[0] + row[1]);
      }
    }
    for (const GroupTable& group : model.groups) {
      size_t outcome = 0, digit = 1;
      for (const int64_t lf : group.lfs) {
        outcome += digit * static_cast<size_t>(votes[lf] == 0 ? 0 : votes[lf] < 0 ? 1 : 2);
        digit *= 3;
      }
      p *= std::exp(group.exponent * group.log_likelihood[2 * outcome + y(group.task)]);
    }
    total += p;
    for (int64_t j = 0; j < model.tasks; ++j) positive[static_cast<size_t>(j)] += y(j) ? p : 0;
  }
  for (double& p : positive) p /= total;
  return positive;
}

std::string message_of(const GraphSpec& spec) {
  try {
    analyse_graph(spec);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

struct Draw {
  std::mt19937_64 engine{17};
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(engine) < p; }
};

// An LF that votes with probability `coverage` and is then right with probability `accuracy`.
int8_t vote(Draw& draw, int y, double coverage, double accuracy) {
  if (!draw.chance(coverage)) return 0;
  return static_cast<int8_t>(draw.chance(accuracy) ? y : -y);
}

}  // namespace

TEST(structure_names_cliques_and_separators) {
  const GraphSpec spec{6, 1, {}, {0, 0, 0, 0, 0, 0}, {{0, 1}, {0, 2}, {3, 4}, {4, 5}, {3, 5}}};
  const GraphStructure structure = analyse_graph(spec);
  CHECK(structure.groups.size() == 4);
  CHECK(structure.component[1] == structure.component[2]);
  CHECK(structure.component[0] != structure.component[3]);
  int separators = 0;
  for (const LfGroup& group : structure.groups) {
    if (group.exponent == -1) {
      ++separators;
      CHECK(group.lfs == std::vector<int64_t>{0});
    } else {
      CHECK(group.lfs.size() >= 2);
    }
  }
  CHECK(separators == 1);
}

TEST(invalid_graphs_are_explained) {
  CHECK(message_of({4, 1, {}, {0, 0, 0, 0}, {{0, 1}, {1, 2}, {2, 3}, {3, 0}}}).find("without a chord") !=
        std::string::npos);
  CHECK(message_of({2, 3, {{0, 1}, {1, 2}, {2, 0}}, {0, 1}, {}}).find("a cycle through tasks") != std::string::npos);
  CHECK(message_of({2, 2, {{0, 1}}, {0, 1}, {{0, 1}}}).find("of the same task for lfEdges but received [0, 1]") !=
        std::string::npos);
  CHECK(message_of({2, 2, {}, {0, 2}, {}}) == "Expected a task in [0, 1] for lfTasks[1] but received 2");
  CHECK(message_of({2, 1, {}, {0, 0}, {{0, 0}}}).find("lfEdges but received [0, 0]") != std::string::npos);
}

TEST(message_passing_equals_the_sum_over_all_labels) {
  // A tree of five tasks, dependent LFs on two of them.
  const GraphSpec spec{9, 5, {{0, 1}, {1, 2}, {1, 3}, {3, 4}}, {0, 0, 0, 1, 1, 2, 2, 3, 3}, {{0, 1}}};
  Draw draw;
  std::vector<int8_t> votes;
  for (int i = 0; i < 400; ++i) {
    int y = draw.chance(0.5) ? 1 : -1;
    for (int64_t lf = 0; lf < spec.lfs; ++lf) {
      if (lf > 0 && spec.lf_tasks[static_cast<size_t>(lf)] != spec.lf_tasks[static_cast<size_t>(lf - 1)] &&
          draw.chance(0.3))
        y = -y;
      votes.push_back(vote(draw, y, 0.8, 0.75));
    }
  }
  TaskBalance balance;
  balance.positive = {0.5, 0.4, 0.6, 0.3, 0.5};
  const GraphFit fit = fit_graph({votes.data(), 400, 9}, spec, balance);
  std::vector<double> out(400 * 5);
  predict_graph(fit.model, {votes.data(), 400, 9}, nullptr, out.data(), 2);
  for (int64_t i = 0; i < 400; ++i) {
    const auto exact = by_enumeration(fit.model, votes.data() + i * 9);
    for (int64_t j = 0; j < 5; ++j)
      CHECK_NEAR(out[static_cast<size_t>(i * 5 + j)], exact[static_cast<size_t>(j)], 1e-12);
  }
}

TEST(dependent_lfs_get_their_joint_table) {
  // LF 1 copies LF 0 four times out of five; abstaining depends on Y. Truth is known for every outcome.
  const GraphSpec spec{5, 1, {}, {0, 0, 0, 0, 0}, {{0, 1}}};
  const int64_t n = 200000;
  Draw draw;
  std::vector<int8_t> votes;
  double truth[9][2] = {};
  for (int64_t i = 0; i < n; ++i) {
    const int y = draw.chance(0.3) ? 1 : -1;
    const int8_t first = vote(draw, y, y == 1 ? 0.9 : 0.5, 0.8);
    const int8_t second = draw.chance(0.8) ? first : vote(draw, y, 0.6, 0.7);
    for (const int8_t v : {first, second, vote(draw, y, 0.7, 0.8), vote(draw, y, 0.9, 0.75), vote(draw, y, 0.5, 0.9)})
      votes.push_back(v);
    const auto digit = [](int8_t v) { return v == 0 ? 0 : v < 0 ? 1 : 2; };
    truth[digit(first) + 3 * digit(second)][y == 1 ? 1 : 0] += 1;
  }
  TaskBalance balance;
  balance.positive = {0.3};
  const GraphFit fit = fit_graph({votes.data(), n, 5}, spec, balance);
  const GroupTable& table = fit.model.groups[0];
  CHECK(table.lfs.size() == 2);
  for (size_t outcome = 0; outcome < 9; ++outcome)
    for (size_t y = 0; y < 2; ++y)
      CHECK_NEAR(std::exp(table.log_likelihood[2 * outcome + y]),
                 truth[outcome][y] / (static_cast<double>(n) * (y == 1 ? 0.3 : 0.7)), 0.015);
}

TEST(correlated_tasks_are_found_and_help_each_other) {
  const GraphSpec spec{6, 2, {{0, 1}}, {0, 0, 0, 1, 1, 1}, {}};
  const int64_t n = 50000;
  Draw draw;
  std::vector<int8_t> votes;
  std::vector<int> labels;
  for (int64_t i = 0; i < n; ++i) {
    const int first = draw.chance(0.5) ? 1 : -1, second = draw.chance(0.9) ? first : -first;
    labels.push_back(second);
    for (int k = 0; k < 3; ++k) votes.push_back(vote(draw, first, 0.9, 0.8));
    for (int k = 0; k < 3; ++k) votes.push_back(vote(draw, second, 0.3, 0.7));
  }
  TaskBalance balance;
  balance.positive = {0.5, 0.5};
  const GraphFit fit = fit_graph({votes.data(), n, 6}, spec, balance);
  CHECK_NEAR(fit.correlations[1], 0.8, 0.05);
  GraphModel apart = fit.model;
  apart.order[1].probability = {{{0.25, 0.25}, {0.25, 0.25}}};
  const auto brier = [&](const GraphModel& model) {
    std::vector<double> out(static_cast<size_t>(n * 2));
    predict_graph(model, {votes.data(), n, 6}, nullptr, out.data(), 0);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
      sum += std::pow(out[static_cast<size_t>(2 * i + 1)] - (labels[static_cast<size_t>(i)] == 1 ? 1 : 0), 2);
    return sum / static_cast<double>(n);
  };
  CHECK(brier(fit.model) < 0.7 * brier(apart));
}

TEST(ten_thousand_positions_of_a_sequence_share_their_tables) {
  const GraphSpec spec{3, 1, {}, {0, 0, 0}, {}};
  const int64_t n = 10000;
  Draw draw;
  std::vector<int8_t> votes;
  std::vector<int> labels;
  int y = 1;
  for (int64_t i = 0; i < n; ++i) {
    if (draw.chance(0.05)) y = -y;
    labels.push_back(y);
    for (int k = 0; k < 3; ++k) votes.push_back(vote(draw, y, 0.4, 0.75));
  }
  const std::vector<int64_t> lengths = {n};
  const GraphFit fit = fit_sequences({votes.data(), n, 3}, spec, 0.5, lengths);
  CHECK_NEAR(fit.correlations[0], 0.9, 0.1);
  std::vector<double> chain(static_cast<size_t>(n)), alone(static_cast<size_t>(n));
  predict_graph(fit.model, {votes.data(), n, 3}, &lengths, chain.data(), 0);
  predict_graph(fit.model, {votes.data(), n, 3}, nullptr, alone.data(), 0);
  int64_t right = 0, right_alone = 0;
  for (size_t i = 0; i < chain.size(); ++i) {
    CHECK(chain[i] >= 0 && chain[i] <= 1);
    right += (chain[i] > 0.5) == (labels[i] == 1) ? 1 : 0;
    right_alone += (alone[i] > 0.5) == (labels[i] == 1) ? 1 : 0;
  }
  CHECK(right > right_alone + n / 10);

  // The same posterior as a chain of tasks, one row: 6 positions, enumerated.
  const GraphModel model = fit.model;
  GraphModel unrolled;
  unrolled.lfs = 18;
  unrolled.tasks = 6;
  for (int64_t t = 0; t < 6; ++t) {
    for (GroupTable group : model.groups) {
      group.task = t;
      for (int64_t& lf : group.lfs) lf += 3 * t;
      unrolled.groups.push_back(group);
    }
    unrolled.order.push_back({t, t - 1, t == 0 ? model.order[0].probability : model.transition});
  }
  const std::vector<int64_t> six = {6};
  std::vector<double> short_chain(6);
  predict_graph(model, {votes.data(), 6, 3}, &six, short_chain.data(), 1);
  const auto exact = by_enumeration(unrolled, votes.data());
  for (size_t t = 0; t < 6; ++t) CHECK_NEAR(short_chain[t], exact[t], 1e-12);
}

// Over many draws the intervals hold the truth 95 % of the time: independent rows, and frames of one sequence, where
// neighbouring rows resemble each other and the LFs' errors last for several frames.
TEST(intervals_of_accuracies_cover_the_truth) {
  const std::vector<double> accuracy{0.9, 0.75, 0.75, 0.65, 0.8}, coverage{0.8, 0.9, 0.9, 0.7, 0.5};
  Draw draw;
  for (const bool frames : {false, true}) {
    int held = 0, all = 0;
    for (int repeat = 0; repeat < 150; ++repeat) {
      const int64_t n = 4000;
      std::vector<int8_t> votes;
      int y = 1;
      std::vector<int8_t> now(5, 0);
      for (int64_t i = 0; i < n; ++i) {
        const bool fresh = !frames || i == 0 || draw.chance(0.2);  // else the frame shows what the last one showed
        if (fresh) {
          y = draw.chance(0.4) ? 1 : -1;
          for (size_t k = 0; k < 5; ++k) now[k] = vote(draw, y, coverage[k], accuracy[k]);
          if (draw.chance(0.5)) now[2] = now[1];  // LFs 1 and 2 depend on each other
        }
        votes.insert(votes.end(), now.begin(), now.end());
      }
      const GraphSpec spec{5, 1, {}, {0, 0, 0, 0, 0}, {{1, 2}}};
      const std::vector<int64_t> lengths = {n};
      TaskBalance balance;
      balance.positive = {0.4};
      const VoteMatrix rows{votes.data(), n, 5};
      const GraphFit fit = frames ? fit_sequences(rows, spec, 0.4, lengths) : fit_graph(rows, spec, balance);
      for (size_t k = 0; k < 5; ++k) {
        CHECK(fit.lfs[k].low <= fit.lfs[k].accuracy && fit.lfs[k].accuracy <= fit.lfs[k].high);
        held += fit.lfs[k].low <= accuracy[k] && accuracy[k] <= fit.lfs[k].high;
        ++all;
      }
    }
    std::printf("  %s: %.3f\n", frames ? "frames" : "independent rows", static_cast<double>(held) / all);
    CHECK_NEAR(static_cast<double>(held) / all, 0.95, 0.025);
  }
  const std::vector<int8_t> few = {1, 1, -1, -1};
  TaskBalance balance;
  balance.positive = {0.5};
  const GraphFit one = fit_graph({few.data(), 1, 4}, GraphSpec{4, 1, {}, {0, 0, 0, 0}, {}}, balance);
  CHECK(one.lfs[0].low == 0 && one.lfs[0].high == 1);
}

// Two pairs that share LF 0: dividing by the table of LF 0 gives the posterior of the truth; counting LF 0 twice (L5)
// does not.
TEST(separators_with_lfs_divide) {
  const GraphSpec spec{6, 1, {}, {0, 0, 0, 0, 0, 0}, {{0, 1}, {0, 2}}};
  const int64_t n = 100000;
  Draw draw;
  std::vector<int8_t> votes;
  std::vector<int> labels;
  for (int64_t i = 0; i < n; ++i) {
    const int y = draw.chance(0.5) ? 1 : -1;
    labels.push_back(y);
    const int8_t first = vote(draw, y, 0.9, 0.75);
    votes.push_back(first);
    for (int k = 0; k < 2; ++k) votes.push_back(draw.chance(0.7) ? first : vote(draw, y, 0.8, 0.7));
    for (int k = 0; k < 3; ++k) votes.push_back(vote(draw, y, 0.6, 0.7));
  }
  TaskBalance balance;
  balance.positive = {0.5};
  const GraphFit fit = fit_graph({votes.data(), n, 6}, spec, balance);
  const auto errors = [&](const GraphModel& model) {
    std::vector<double> out(static_cast<size_t>(n));
    predict_graph(model, {votes.data(), n, 6}, nullptr, out.data(), 0);
    double brier = 0, gap = 0;  // of all rows; of predicted against observed where the posterior is sure
    int sure = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const double truth = labels[i] == 1 ? 1 : 0;
      brier += (out[i] - truth) * (out[i] - truth) / static_cast<double>(n);
      if (out[i] > 0.8) {
        gap += out[i] - truth;
        ++sure;
      }
    }
    return std::pair{brier, gap / sure};
  };
  GraphModel twice = fit.model;
  std::erase_if(twice.groups, [](const GroupTable& group) { return group.exponent < 0; });
  const auto [brier, gap] = errors(fit.model);
  const auto [brier_twice, gap_twice] = errors(twice);
  std::printf("  Brier %.4f, %.4f without separators; overconfident by %.3f, %.3f\n", brier, brier_twice, gap,
              gap_twice);
  CHECK(brier < brier_twice - 0.002);
  CHECK(std::fabs(gap) < 0.01);
  CHECK(gap_twice > 0.03);
}

TEST(one_dependent_group_alone_is_refused) {
  const std::vector<int8_t> votes = {1, 1, -1, 1, 0, 1};
  TaskBalance balance;
  balance.positive = {0.5};
  CHECK_THROWS(fit_graph({votes.data(), 3, 2}, GraphSpec{2, 1, {}, {0, 0}, {{0, 1}}}, balance), InvalidArgument);
}

CHECK_MAIN

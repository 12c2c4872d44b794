// Rounds of posterior smoothing against the definition in the header, worked out row by row.
#include <cmath>
#include <random>

#include "core/neighbors/posterior_graph.h"
#include "core/simd/dispatch.h"
#include "core/tests/check.h"

using namespace nearvote;

namespace {

using Rows = std::vector<std::vector<double>>;

std::vector<double> flat(const Rows& rows) {
  std::vector<double> out;
  for (const auto& row : rows) out.insert(out.end(), row.begin(), row.end());
  return out;
}

struct Graph {
  std::vector<int32_t> indices;
  std::vector<float> weights;
  int64_t rows, k;
  WeightedLists lists() const { return {indices.data(), weights.data(), rows, k}; }
};

// One row by the definition.
std::vector<double> by_hand(const Graph& g, int64_t i, const Rows& state, const std::vector<double>& weight,
                            const std::vector<double>& mean, const std::vector<double>& own) {
  double sum = 0, squares = 0;
  std::vector<double> average(own.size(), 0.0);
  for (int64_t j = 0; j < g.k; ++j) {
    const int32_t n = g.indices[static_cast<size_t>(i * g.k + j)];
    if (n < 0) continue;
    const double w = g.weights[static_cast<size_t>(i * g.k + j)] * weight[static_cast<size_t>(n)];
    sum += w;
    squares += w * w;
    for (size_t y = 0; y < own.size(); ++y) average[y] += w * state[static_cast<size_t>(n)][y];
  }
  const double e = sum > 0 ? sum * sum / squares : 0;
  std::vector<double> out(own.size());
  double total = 0;
  for (size_t y = 0; y < own.size(); ++y) {
    const double shrunk = (e * (sum > 0 ? average[y] / sum : 0) + mean[y]) / (e + 1);
    total += out[y] = own[y] * shrunk / mean[y];
  }
  for (double& value : out) value /= total;
  return out;
}

std::vector<double> mean_of(const Rows& state, const std::vector<double>& weight) {
  std::vector<double> mean(state[0].size(), 1.0 / static_cast<double>(state[0].size()));
  double total = 1;
  for (size_t i = 0; i < state.size(); ++i) {
    if (weight[i] <= 0) continue;
    total += 1;
    for (size_t y = 0; y < mean.size(); ++y) mean[y] += state[i][y];
  }
  for (double& value : mean) value /= total;
  return mean;
}

struct Random {
  Graph graph;
  Rows proba, own;
  std::vector<int32_t> counts;
  std::vector<int32_t> gold;
  std::vector<double> balance;

  PosteriorGraph posterior_graph(int threads = 0) const {
    return {
        std::make_shared<SmoothingLists>(graph.lists(), threads), flat(proba), counts, gold, balance, {threads, {}}};
  }
};

Random random_case(int64_t n, int64_t k, int64_t classes, unsigned seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<double> unit(0.01, 1);
  Random c;
  c.graph.rows = n;
  c.graph.k = k;
  const auto distribution = [&] {
    std::vector<double> row(static_cast<size_t>(classes));
    double total = 0;
    for (double& value : row) total += value = unit(rng);
    for (double& value : row) value /= total;
    return row;
  };
  c.balance = distribution();
  for (int64_t i = 0; i < n; ++i) {
    c.proba.push_back(distribution());
    c.own.push_back(distribution());
    c.counts.push_back(static_cast<int32_t>(rng() % 4));
    c.gold.push_back(rng() % 7 == 0 ? static_cast<int32_t>(rng() % static_cast<unsigned>(classes)) : -1);
    for (int64_t j = 0; j < k; ++j) {
      c.graph.indices.push_back(rng() % 9 == 0 ? -1 : static_cast<int32_t>(rng() % static_cast<unsigned>(n)));
      c.graph.weights.push_back(static_cast<float>(rng() % 5 == 0 ? 0 : unit(rng)));
    }
  }
  return c;
}

}  // namespace

TEST(weights_follow_the_metric) {
  const std::vector<int32_t> indices = {3, 1, -1, 0, 1, 2};
  std::vector<float> scores = {0.8f, 0.4f, 0.9f, -0.2f, -0.5f, 0.0f};
  neighbor_weights(Metric::cosine, indices.data(), scores.data(), 2, 3);
  CHECK_NEAR(scores[0], 1, 1e-6);
  CHECK_NEAR(scores[1], 1.0 / 16, 1e-6);
  for (size_t at = 2; at < 6; ++at) CHECK(scores[at] == 0);

  std::vector<float> distances = {1, 3, 7, 0, 0, 0};
  neighbor_weights(Metric::l2, indices.data(), distances.data(), 2, 3);
  CHECK_NEAR(distances[0], 1 / 1.25, 1e-6);
  CHECK_NEAR(distances[1], 1 / 3.25, 1e-6);
  CHECK(distances[2] == 0);
  CHECK(distances[3] == 1 && distances[5] == 1);
}

TEST(one_round_is_the_definition) {
  const Random c = random_case(40, 5, 3, 1);
  Beliefs beliefs{flat(c.proba), std::vector<double>(40, 0.0), {0.5, 0.2, 0.3}};
  for (size_t i = 0; i < 40; ++i) beliefs.weight[i] = static_cast<double>(i % 4);
  std::vector<double> out(120);
  smooth_round(c.graph.lists(), beliefs, flat(c.own).data(), 3, out.data());
  for (int64_t i = 0; i < 40; ++i) {
    const auto expected = by_hand(c.graph, i, c.proba, beliefs.weight, beliefs.mean, c.own[static_cast<size_t>(i)]);
    for (int64_t y = 0; y < 3; ++y) {
      CHECK_NEAR(out[static_cast<size_t>(3 * i + y)], expected[static_cast<size_t>(y)], 1e-12);
    }
  }
}

TEST(no_neighbours_leave_the_own_posterior) {
  const Graph g{{-1, -1, 0, 1}, {1, 1, 0, 0}, 2, 2};
  const Beliefs beliefs{{0.9, 0.1, 0.3, 0.7}, {1, 1}, {0.6, 0.4}};
  const std::vector<double> own = {0.2, 0.8, 0.75, 0.25};
  std::vector<double> out(4);
  smooth_round(g.lists(), beliefs, own.data(), 2, out.data());
  for (size_t at = 0; at < 4; ++at) CHECK_NEAR(out[at], own[at], 1e-15);
}

namespace {

// Own evidence as the header of own_factor defines it.
Rows own_by_hand(const Random& c, double own_weight) {
  Rows own;
  for (size_t i = 0; i < c.proba.size(); ++i) {
    const double a = own_weight / std::sqrt(std::max(1, c.counts[i]));
    own.emplace_back();
    for (size_t y = 0; y < c.balance.size(); ++y)
      own[i].push_back(std::pow(c.balance[y], 1 - a) * std::pow(std::max(c.proba[i][y], 1e-6), a));
  }
  return own;
}

// All rounds but the last by the definition, then the last one without clamping: state, weight, mean and result.
struct ByHand {
  Rows state, result;
  std::vector<double> weight, mean;
};

// share_mean: the last two rounds divide by the same mean, as in cross-validation.
ByHand smooth_by_hand(const Random& c, const SmoothingSettings& settings, const HiddenGold& hidden, int rounds,
                      bool share_mean = false) {
  const Rows own = own_by_hand(c, settings.own_weight);
  ByHand h{c.proba, {}, {}, {}};
  for (const int32_t count : c.counts) h.weight.push_back(count > 0 ? 1 : 0);
  const auto clamp = [&] {
    int64_t place = 0;
    for (size_t i = 0; i < h.state.size(); ++i) {
      if (c.gold[i] < 0 || hidden(place++) || settings.gold_weight == 0) continue;
      h.state[i].assign(c.balance.size(), 0);
      h.state[i][static_cast<size_t>(c.gold[i])] = 1;
      h.weight[i] = settings.gold_weight;
    }
  };
  clamp();
  for (int round = 0; round < rounds; ++round) {
    if (!share_mean || round + 1 < rounds) h.mean = mean_of(h.state, h.weight);
    h.result.clear();
    for (size_t i = 0; i < h.state.size(); ++i)
      h.result.push_back(by_hand(c.graph, static_cast<int64_t>(i), h.state, h.weight, h.mean, own[i]));
    if (round + 1 == rounds) break;
    h.state = h.result;
    h.weight.assign(h.state.size(), 1);
    clamp();
  }
  return h;
}

}  // namespace

TEST(rounds_are_the_definition) {
  for (const int64_t classes : {2, 3, 5}) {
    const Random c = random_case(301, 6, classes, static_cast<unsigned>(classes));
    const PosteriorGraph graph = c.posterior_graph();
    for (const SmoothingSettings& settings : {SmoothingSettings{1, 10}, SmoothingSettings{0.5, 0}})
      for (const HiddenGold& hidden : {HiddenGold{}, HiddenGold{1, 3}})
        for (const int rounds : {2, 5}) {
          const SmoothedRows got = graph.smooth(settings, hidden, rounds, {});
          const ByHand expected = smooth_by_hand(c, settings, hidden, rounds);
          const auto state = flat(expected.state), result = flat(expected.result);
          for (size_t at = 0; at < state.size(); ++at) CHECK_NEAR(got.beliefs.state[at], state[at], 1e-12);
          for (size_t at = 0; at < result.size(); ++at) CHECK_NEAR(got.proba[at], result[at], 1e-12);
          for (size_t y = 0; y < c.balance.size(); ++y) CHECK_NEAR(got.beliefs.mean[y], expected.mean[y], 1e-12);
          CHECK(got.beliefs.weight == expected.weight);
        }
  }
}

TEST(evidence_is_votes_or_neighbours) {
  Random c = random_case(3, 1, 2, 5);
  c.graph.indices = {1, 0, -1};
  c.graph.weights = {1, 0, 1};
  c.counts = {0, 0, 0};
  const std::vector<uint8_t> expected = {1, 0, 0};
  CHECK(c.posterior_graph().smooth({1, 0}, {}, 5, {}).evidence == expected);
  c.counts = {0, 2, 0};
  const std::vector<uint8_t> own = {0, 1, 0};
  CHECK(c.posterior_graph().alone({}).evidence == own);
}

TEST(folds_are_smoothed_without_their_labels) {
  for (const int64_t classes : {2, 4, 40}) {
    const Random c = random_case(600, 6, classes, static_cast<unsigned>(10 + classes));
    const PosteriorGraph graph = c.posterior_graph();
    const std::vector<SmoothingSettings> settings = {{1, 10}, {1, 0}, {0.25, 30}};
    const std::vector<double> got = graph.cross_validate(settings, 5, 5, {});
    size_t at = 0;
    for (const SmoothingSettings& setting : settings) {
      std::vector<Rows> folds;
      for (int64_t fold = 0; fold < 5; ++fold) folds.push_back(smooth_by_hand(c, setting, {fold, 5}, 5, true).result);
      for (size_t place = 0; place < graph.gold().size(); ++place)
        for (size_t y = 0; y < c.balance.size(); ++y, ++at)
          CHECK_NEAR(got[at], folds[place % 5][static_cast<size_t>(graph.gold()[place])][y], 1e-4);
    }
    CHECK(at == got.size());
  }
}

TEST(folds_of_many_rows_and_classes_are_smoothed_one_by_one) {
  const Random c = random_case(55000, 2, 40, 7);
  const PosteriorGraph graph = c.posterior_graph();
  const std::vector<double> got = graph.cross_validate({{1, 0}}, 5, 3, {});
  const Rows expected = smooth_by_hand(c, {1, 0}, {}, 3, true).result;
  for (size_t place = 0; place < graph.gold().size(); ++place)
    for (size_t y = 0; y < 40; ++y)
      CHECK_NEAR(got[place * 40 + y], expected[static_cast<size_t>(graph.gold()[place])][y], 1e-5);
}

TEST(threads_do_not_change_a_bit) {
  const Random c = random_case(2000, 8, 4, 3);
  const PosteriorGraph one = c.posterior_graph(1), four = c.posterior_graph(4);
  const SmoothedRows a = one.smooth({1, 3}, {}, 5, {1, {}}), b = four.smooth({1, 3}, {}, 5, {4, {}});
  CHECK(a.proba == b.proba && a.beliefs.state == b.beliefs.state && a.beliefs.mean == b.beliefs.mean);
  const std::vector<SmoothingSettings> settings = {{1, 3}, {0.5, 0}};
  CHECK(one.cross_validate(settings, 5, 5, {1, {}}) == four.cross_validate(settings, 5, 5, {4, {}}));
}

TEST(instruction_sets_do_not_change_a_bit) {
  for (const int64_t classes : {2, 3}) {
    const Random c = random_case(1003, 8, classes, 8);
    const std::vector<SmoothingSettings> settings = {{1, 3}, {0.5, 0}};
    simd::use_kernels(simd::find_kernels("baseline"));
    const SmoothedRows expected = c.posterior_graph().smooth({1, 3}, {}, 5, {});
    const std::vector<double> folds = c.posterior_graph().cross_validate(settings, 5, 5, {});
    for (const std::string& isa : usable_isas()) {
      simd::use_kernels(simd::find_kernels(isa));
      const PosteriorGraph graph = c.posterior_graph();
      const SmoothedRows got = graph.smooth({1, 3}, {}, 5, {});
      CHECK(got.proba == expected.proba && got.beliefs.state == expected.beliefs.state);
      CHECK(got.beliefs.mean == expected.beliefs.mean && got.evidence == expected.evidence);
      CHECK(graph.cross_validate(settings, 5, 5, {}) == folds);
    }
    simd::use_kernels(nullptr);
  }
}

TEST(lanes_do_not_change_a_bit) {
  const Random c = random_case(700, 8, 3, 6);
  const PosteriorGraph graph = c.posterior_graph();
  const auto together = graph.cross_validate({{1, 10}, {0.5, 0}, {0.25, 3}}, 5, 5, {});
  auto apart = graph.cross_validate({{1, 10}}, 5, 5, {});
  for (const SmoothingSettings& setting : {SmoothingSettings{0.5, 0}, SmoothingSettings{0.25, 3}}) {
    const auto more = graph.cross_validate({setting}, 5, 5, {});
    apart.insert(apart.end(), more.begin(), more.end());
  }
  CHECK(together == apart);
}

TEST(a_cancelled_job_stops) {
  const Random c = random_case(10, 2, 2, 4);
  int32_t cancel = 1;
  const JobControl job{&cancel, nullptr};
  const PosteriorGraph graph = c.posterior_graph();
  CHECK_THROWS(graph.smooth({1, 1}, {}, 5, {1, job}), Cancelled);
  CHECK_THROWS(graph.cross_validate({{1, 1}}, 5, 5, {1, job}), Cancelled);
}

CHECK_MAIN

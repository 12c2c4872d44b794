// Rounds of posterior smoothing against the definition in the header, worked out row by row.
#include <random>

#include "core/neighbors/knn_posterior.h"
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
  for (int64_t i = 0; i < n; ++i) {
    c.proba.push_back(distribution());
    c.own.push_back(distribution());
    c.counts.push_back(static_cast<int32_t>(rng() % 2));
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

TEST(propagation_repeats_rounds_and_clamps_gold) {
  const Random c = random_case(60, 6, 3, 2);
  const auto proba = flat(c.proba), own = flat(c.own);
  for (const int rounds : {0, 1, 4}) {
    const Beliefs got =
        propagate(c.graph.lists(), proba.data(), c.counts.data(), c.gold.data(), own.data(), 3, 10, rounds);
    Rows state = c.proba;
    std::vector<double> weight(c.counts.begin(), c.counts.end());
    const auto clamp = [&] {
      for (size_t i = 0; i < state.size(); ++i) {
        if (c.gold[i] < 0) continue;
        state[i].assign(3, 0);
        state[i][static_cast<size_t>(c.gold[i])] = 1;
        weight[i] = 10;
      }
    };
    clamp();
    for (int round = 0; round < rounds; ++round) {
      const auto mean = mean_of(state, weight);
      Rows next;
      for (int64_t i = 0; i < 60; ++i)
        next.push_back(by_hand(c.graph, i, state, weight, mean, c.own[static_cast<size_t>(i)]));
      state = next;
      weight.assign(60, 1);
      clamp();
    }
    const auto mean = mean_of(state, weight), expected = flat(state);
    for (size_t at = 0; at < expected.size(); ++at) CHECK_NEAR(got.state[at], expected[at], 1e-12);
    for (size_t y = 0; y < 3; ++y) CHECK_NEAR(got.mean[y], mean[y], 1e-12);
    CHECK(got.weight == weight);
  }
}

TEST(threads_do_not_change_a_bit) {
  const Random c = random_case(2000, 8, 4, 3);
  const auto proba = flat(c.proba), own = flat(c.own);
  const auto run = [&](int threads) {
    return propagate(c.graph.lists(), proba.data(), c.counts.data(), c.gold.data(), own.data(), 4, 3, 5, threads);
  };
  CHECK(run(1).state == run(4).state);
}

TEST(a_cancelled_job_stops) {
  const Random c = random_case(10, 2, 2, 4);
  int32_t cancel = 1;
  const JobControl job{&cancel, nullptr};
  const auto proba = flat(c.proba), own = flat(c.own);
  CHECK_THROWS(propagate(c.graph.lists(), proba.data(), c.counts.data(), c.gold.data(), own.data(), 2, 1, 1, 1, job),
               Cancelled);
}

CHECK_MAIN

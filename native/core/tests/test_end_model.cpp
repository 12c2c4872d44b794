#include <cmath>
#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/end_model/logistic.h"
#include "core/tests/check.h"

using namespace nearvote;

namespace {

double next(uint64_t& state) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<double>(state >> 11) / 9007199254740992.0 - 0.5;
}

std::vector<float> random_rows(int64_t n, int64_t d, uint64_t seed) {
  std::vector<float> x(static_cast<size_t>(n * d));
  for (float& v : x) v = static_cast<float>(next(seed));
  return x;
}

// The definition, in doubles, with the gradient by central differences.
double loss_of(const std::vector<double>& w, const std::vector<float>& x, const std::vector<double>& proba, int64_t n,
               int64_t d, int classes, const std::vector<double>& weights, double l2) {
  const int logits = classes == 2 ? 1 : classes;
  double loss = 0, total = 0;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> z(static_cast<size_t>(classes), 0.0);
    for (int c = 0; c < logits; ++c) {
      double sum = w[static_cast<size_t>(c * (d + 1) + d)];
      for (int64_t k = 0; k < d; ++k)
        sum += w[static_cast<size_t>(c * (d + 1) + k)] * x[static_cast<size_t>(i * d + k)];
      z[static_cast<size_t>(classes == 2 ? 1 : c)] = sum;
    }
    double normaliser = 0;
    for (const double v : z) normaliser += std::exp(v);
    double expectation = 0;
    for (int c = 0; c < classes; ++c) {
      const double p = classes == 2 ? (c == 1 ? proba[static_cast<size_t>(i)] : 1 - proba[static_cast<size_t>(i)])
                                    : proba[static_cast<size_t>(i * classes + c)];
      expectation -= p * (z[static_cast<size_t>(c)] - std::log(normaliser));
    }
    loss += weights[static_cast<size_t>(i)] * expectation;
    total += weights[static_cast<size_t>(i)];
  }
  loss /= total;
  for (size_t k = 0; k < w.size(); ++k)
    if (static_cast<int64_t>(k) % (d + 1) != d) loss += l2 / 2 * w[k] * w[k];
  return loss;
}

}  // namespace

TEST(the_fit_is_a_stationary_point_of_the_definition) {
  for (const int classes : {2, 3}) {
    const int64_t n = 300, d = 21;
    uint64_t seed = 7;
    const auto x = random_rows(n, d, 3);
    std::vector<double> proba, weights;
    for (int64_t i = 0; i < n; ++i) {
      weights.push_back(i % 7 == 0 ? 0 : 1 + next(seed));
      std::vector<double> p;
      double sum = 0;
      for (int c = 0; c < classes; ++c) sum += p.emplace_back(0.51 + next(seed));
      if (classes == 2)
        proba.push_back(p[1] / sum);
      else
        for (const double v : p) proba.push_back(v / sum);
    }
    EndModelOptions options;
    options.l2 = 0.01;
    options.tolerance = 1e-6;
    const Rows rows{x.data(), n, d, d};
    const EndModel model = fit_end_model(rows, proba.data(), classes, weights.data(), options);
    CHECK(model.converged);
    CHECK_NEAR(model.loss, loss_of(model.weights, x, proba, n, d, classes, weights, options.l2), 1e-5);
    for (size_t k = 0; k < model.weights.size(); k += 5) {
      auto up = model.weights, down = model.weights;
      up[k] += 1e-4;
      down[k] -= 1e-4;
      const double slope = (loss_of(up, x, proba, n, d, classes, weights, options.l2) -
                            loss_of(down, x, proba, n, d, classes, weights, options.l2)) /
                           2e-4;
      CHECK_NEAR(slope, 0, 1e-4);
    }
  }
}

TEST(any_number_of_threads_gives_the_same_bits) {
  const int64_t n = 1000, d = 64;
  uint64_t seed = 5;
  const auto x = random_rows(n, d, 11);
  std::vector<double> proba(static_cast<size_t>(n));
  for (double& p : proba) p = 0.5 + next(seed);
  EndModelOptions options;
  options.l2 = 1e-3;
  options.threads = 1;
  const Rows rows{x.data(), n, d, d};
  const EndModel one = fit_end_model(rows, proba.data(), 2, nullptr, options);
  options.threads = 3;
  CHECK(fit_end_model(rows, proba.data(), 2, nullptr, options).weights == one.weights);
}

TEST(separable_classes_are_told_apart_and_predictions_are_distributions) {
  const int64_t n = 90, d = 4;
  std::vector<float> x(static_cast<size_t>(n * d), 0.0f);
  std::vector<double> proba(static_cast<size_t>(n * 3), 0.0);
  for (int64_t i = 0; i < n; ++i) {
    x[static_cast<size_t>(i * d + i % 3)] = 1;
    proba[static_cast<size_t>(i * 3 + i % 3)] = 1;
  }
  EndModelOptions options;
  options.l2 = 1e-3;
  const Rows rows{x.data(), n, d, d};
  const EndModel model = fit_end_model(rows, proba.data(), 3, nullptr, options);
  std::vector<double> out(static_cast<size_t>(n * 3));
  predict_end_model(model, rows, out.data(), 2);
  for (int64_t i = 0; i < n; ++i) {
    CHECK(out[static_cast<size_t>(i * 3 + i % 3)] > 0.8);
    CHECK_NEAR(
        out[static_cast<size_t>(i * 3)] + out[static_cast<size_t>(i * 3 + 1)] + out[static_cast<size_t>(i * 3 + 2)], 1,
        1e-12);
  }
}

TEST(a_value_that_is_not_finite_is_named) {
  auto x = random_rows(4, 3, 1);
  x[7] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<double> proba(4, 0.5);
  EndModelOptions options;
  options.l2 = 1;
  try {
    fit_end_model({x.data(), 4, 3, 3}, proba.data(), 2, nullptr, options);
    CHECK(false);
  } catch (const InvalidArgument& error) {
    CHECK(std::string(error.what()) == "Expected finite values for embeddings but received NaN at row 2, column 1");
  }
}

TEST(cancellation_reaches_the_optimiser) {
  const auto x = random_rows(100, 8, 1);
  const std::vector<double> proba(100, 0.3);
  int32_t cancel = 1;
  EndModelOptions options;
  options.l2 = 1;
  CHECK_THROWS(fit_end_model({x.data(), 100, 8, 8}, proba.data(), 2, nullptr, options, JobControl{&cancel, nullptr}),
               Cancelled);
}

CHECK_MAIN

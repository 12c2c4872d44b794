// The inner step of the covariance solver against its definitions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/label_model/class_directions.h"
#include "core/label_model/low_rank.h"
#include "core/tests/check.h"
#include "core/tests/simulated_votes.h"

using namespace nearvote;
using namespace nearvote::testing;

TEST(the_median_is_that_of_sorting_whatever_the_guess) {
  Random random{1};
  for (const size_t size : {1u, 2u, 3u, 10u, 1001u}) {
    std::vector<double> values, scratch;
    for (size_t i = 0; i < size; ++i) values.push_back(i % 7 == 0 ? 0.25 : random.uniform());
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    for (const double guess : {0.0, 0.25, sorted[size / 2], 0.9, 1e9}) {
      std::vector<double> copy = values;
      CHECK(upper_median(copy, guess, scratch) == sorted[size / 2]);
    }
  }
}

TEST(sums_over_partners) {
  Random random{2};
  for (const int rank : {1, 3}) {
    for (const double inverse_scale : {0.0, 4.0}) {
      constexpr int64_t count = 13;
      std::vector<double> r, g, own, prior;
      for (int64_t v = 0; v < count; ++v) r.push_back(random.uniform() - 0.5);
      for (int64_t v = 0; v < count * rank; ++v) g.push_back(random.uniform() - 0.3);
      for (int k = 0; k < rank; ++k) {
        own.push_back(0.4);
        prior.push_back(0.2);
      }
      PartnerSums sums(rank);
      sums.add(r.data(), g.data(), 5, own.data(), inverse_scale);
      sums.add(r.data() + 5, g.data() + 5 * rank, count - 5, own.data(), inverse_scale);

      double trace = 0, norm = 0, residuals = 0;
      std::vector<double> weights;
      for (int64_t v = 0; v < count; ++v) {
        double e = r[static_cast<size_t>(v)], square = 0;
        for (int k = 0; k < rank; ++k) {
          const double f = g[static_cast<size_t>(v * rank + k)];
          e -= f * own[static_cast<size_t>(k)];
          square += f * f;
        }
        weights.push_back(1 / (1 + e * e * inverse_scale));
        norm += square;
        trace += weights.back() * square;
        residuals += weights.back() * square * e * e;
      }
      CHECK_NEAR(sums.trace(), trace, 1e-12);
      if (inverse_scale > 0) CHECK_NEAR(sums.mean_square(norm, inverse_scale), residuals / trace, 1e-12);

      // At the minimum the gradient is zero.
      std::vector<double> best(static_cast<size_t>(rank));
      const double ridge = 0.7;
      sums.solve(prior.data(), ridge, best.data());
      for (int k = 0; k < rank; ++k) {
        double gradient = ridge * (best[static_cast<size_t>(k)] - prior[static_cast<size_t>(k)]);
        for (int64_t v = 0; v < count; ++v) {
          double e = -r[static_cast<size_t>(v)];
          for (int l = 0; l < rank; ++l) e += g[static_cast<size_t>(v * rank + l)] * best[static_cast<size_t>(l)];
          gradient += weights[static_cast<size_t>(v)] * e * g[static_cast<size_t>(v * rank + k)];
        }
        CHECK_NEAR(gradient, 0, 1e-12);
      }
    }
  }
}

TEST(class_directions_are_orthonormal_and_orthogonal_to_the_balance) {
  const std::vector<double> balance{0.1, 0.2, 0.3, 0.4};
  const ClassDirections directions(balance);
  CHECK(directions.rank() == 3);
  for (int k = 0; k < 3; ++k) {
    std::vector<double> unit(3, 0.0), g(4), back(3);
    unit[static_cast<size_t>(k)] = 1;
    directions.to_classes(unit.data(), g.data());
    double length = 0, weighed = 0;
    for (size_t y = 0; y < 4; ++y) {
      length += g[y] * g[y];
      weighed += g[y] * std::sqrt(balance[y]);
    }
    CHECK_NEAR(length, 1, 1e-12);
    CHECK_NEAR(weighed, 0, 1e-12);
    directions.from_classes(g.data(), back.data());
    for (size_t l = 0; l < 3; ++l) CHECK_NEAR(back[l], unit[l], 1e-12);
  }
}

CHECK_MAIN

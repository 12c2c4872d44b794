// Rounded scores beside a threshold: decided where the rounding cannot matter.
#include <cmath>
#include <random>

#include "core/session/threshold_test.h"
#include "core/tests/check.h"

using namespace nearvote;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(a_rounded_score_is_only_trusted_away_from_the_threshold) {
  std::mt19937 rng(5);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int i = 0; i < 100000; ++i) {
    for (Metric metric : {Metric::cosine, Metric::l2}) {
      const double score = metric == Metric::l2 ? std::fabs(uniform(rng)) : uniform(rng);
      const double threshold = score + (rng() % 2 == 0 ? 0 : 1e-8) * uniform(rng);
      const Inside answer = ThresholdTest(metric, threshold)(static_cast<float>(score));
      CHECK(answer == Inside::unclear || (answer == Inside::yes) == within_threshold(metric, score, threshold));
    }
  }
  for (double threshold : {kInfinity, -kInfinity, std::nan(""), 1e300, -1e300}) {
    for (Metric metric : {Metric::dot, Metric::l2}) {
      for (double score : {0.0, 1.0, 1e39, metric == Metric::dot ? -1e39 : 2.0}) {
        const Inside answer = ThresholdTest(metric, threshold)(static_cast<float>(score));
        CHECK(answer == Inside::unclear || (answer == Inside::yes) == within_threshold(metric, score, threshold));
      }
    }
  }
}

CHECK_MAIN

// What pairs of LFs tell of a task with two classes whatever the class balance: g_u = sqrt(q (1 - q)) (P(u | 1) -
// P(u | 0)) / sd(u), the rank-one factor of the correlations of indicators of different LFs.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/label_model/correlations.h"

namespace nearvote {

struct BalanceFactor {
  std::vector<double> g;  // A
  double misfit = 1;      // mean squared residual of pairs, in sampling variances, >= 1: dependent LFs raise it
};

// g of each indicator a; robust as in covariance.h, but without its prior and bounds, which depend on the balance.
// Indicators with u odd vote for class 1; the sign makes them right on the whole.
BalanceFactor balance_free_factor(const Correlations& correlations, double sampling);

// P(u | Y = y), y 0 or 1, of an indicator with share p and scaled factor h = g sd(u) under P(Y = 1) = q, as far as the
// margins allow it.
inline double given_class(double p, double h, double q, int y) {
  const double most = largest_difference(p, q), least = -largest_difference(p, 1 - q);
  const double difference = std::clamp(h / std::sqrt(q * (1 - q)), least, most);
  return std::clamp(p + (y == 1 ? 1 - q : -q) * difference, 0.0, 1.0);
}

}  // namespace nearvote

// L-BFGS (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithm 7.4) for smooth convex functions, with a
// backtracking search on the Armijo condition; pairs of no curvature are skipped, so the inverse Hessian stays
// positive.
#pragma once

#include <cmath>
#include <deque>
#include <vector>

namespace nearvote {

struct LbfgsResult {
  int iterations = 0;
  double value = 0;
  bool converged = false;  // no gradient component above the tolerance, or no step lowers the value any more
};

inline double inner_product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// evaluate(x, gradient) -> value; x: start in, minimiser out. progress(iteration) is called once an iteration.
template <class Evaluate, class Progress>
LbfgsResult minimise_lbfgs(std::vector<double>& x, Evaluate&& evaluate, int max_iterations, double tolerance,
                           Progress&& progress) {
  constexpr size_t kHistory = 10;
  constexpr double kArmijo = 1e-4;
  struct Pair {
    std::vector<double> step, change;
    double rho;
  };
  std::deque<Pair> history;
  const size_t n = x.size();
  std::vector<double> gradient(n), direction(n), candidate(n), next_gradient(n), alpha(kHistory);
  LbfgsResult result;
  result.value = evaluate(x, gradient);

  for (; result.iterations < max_iterations; ++result.iterations) {
    progress(result.iterations);
    double largest = 0;
    for (const double g : gradient) largest = std::max(largest, std::fabs(g));
    if (largest <= tolerance) {
      result.converged = true;
      return result;
    }

    direction = gradient;
    for (size_t k = history.size(); k-- > 0;) {
      alpha[k] = history[k].rho * inner_product(history[k].step, direction);
      for (size_t i = 0; i < n; ++i) direction[i] -= alpha[k] * history[k].change[i];
    }
    // The first step has unit length; later ones take the scale of the last pair (eq. 7.20).
    double scale = 1 / std::sqrt(inner_product(gradient, gradient));
    if (!history.empty())
      scale = 1 / (history.back().rho * inner_product(history.back().change, history.back().change));
    for (double& d : direction) d *= scale;
    for (size_t k = 0; k < history.size(); ++k) {
      const double beta = history[k].rho * inner_product(history[k].change, direction);
      for (size_t i = 0; i < n; ++i) direction[i] += (alpha[k] - beta) * history[k].step[i];
    }

    const double slope = -inner_product(gradient, direction);
    double length = 1, value = result.value;
    bool lower = false;
    for (int halvings = 0; halvings < 40 && !lower; ++halvings, length /= 2) {
      for (size_t i = 0; i < n; ++i) candidate[i] = x[i] - length * direction[i];
      value = evaluate(candidate, next_gradient);
      lower = value <= result.value + kArmijo * length * slope;
    }
    if (!lower) {
      // Rounding has the last word: nothing along a descent direction is lower.
      result.converged = true;
      return result;
    }

    Pair pair{std::vector<double>(n), std::vector<double>(n), 0};
    for (size_t i = 0; i < n; ++i) {
      pair.step[i] = candidate[i] - x[i];
      pair.change[i] = next_gradient[i] - gradient[i];
    }
    const double curvature = inner_product(pair.step, pair.change);
    if (curvature > 1e-12 * inner_product(pair.change, pair.change)) {
      pair.rho = 1 / curvature;
      if (history.size() == kHistory) history.pop_front();
      history.push_back(std::move(pair));
    }
    x.swap(candidate);
    gradient.swap(next_gradient);
    result.value = value;
  }
  return result;
}

}  // namespace nearvote

#include "core/label_model/flyingsquid.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"

namespace nearvote {
namespace {

// E[vote_i vote_j] over all rows.
double moment(const VoteCounts& counts, int64_t i, int64_t j) {
  const int64_t agree = counts.lf_agree(i, j);
  return static_cast<double>(2 * agree - counts.lf_both(i, j)) / static_cast<double>(counts.rows);
}

double triplet(double xy, double xz, double yz) { return yz == 0 ? 0.0 : std::sqrt(std::fabs(xy * xz / yz)); }

double mean_or_median(std::vector<double>& values, bool median) {
  if (!median) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// |E[vote_i Y]| per LF.
std::vector<double> expectations(const VoteCounts& counts, const FlyingSquidOptions& options) {
  const int64_t lfs = counts.lfs;
  const auto m = [&](int64_t i, int64_t j) { return moment(counts, i, j); };
  std::vector<double> expectation(static_cast<size_t>(lfs), 0.0);
  if (!options.triplets.empty()) {
    for (const auto& [a, b, c] : options.triplets) {
      expectation[static_cast<size_t>(a)] = triplet(m(a, b), m(a, c), m(b, c));
      expectation[static_cast<size_t>(b)] = triplet(m(a, b), m(b, c), m(a, c));
      expectation[static_cast<size_t>(c)] = triplet(m(a, c), m(b, c), m(a, b));
    }
    return expectation;
  }
  std::vector<double> candidates;
  for (int64_t i = 0; i < lfs; ++i) {
    candidates.clear();
    for (int64_t j = 0; j < lfs; ++j) {
      for (int64_t k = j + 1; k < lfs; ++k) {
        if (i != j && i != k) candidates.push_back(triplet(m(i, j), m(i, k), m(j, k)));
      }
    }
    expectation[static_cast<size_t>(i)] = mean_or_median(candidates, options.median);
  }
  return expectation;
}

// P(vote, Y) of one LF, [outcome: abstain, -1, +1][Y: -1, +1], after the reference's repairs.
std::array<std::array<double, 2>, 3> clique(double rho, double positive, double abstains, double q,
                                            const FlyingSquidOptions& options) {
  const double both_positive = (rho + positive - (1 - abstains) * (1 - q)) / 2;
  std::array<std::array<double, 2>, 3> p{{{abstains * (1 - q), abstains * q},
                                          {rho - both_positive, q * (1 - abstains) - both_positive},
                                          {positive - both_positive, both_positive}}};
  double sum = 0;
  for (auto& outcome : p) {
    for (double& entry : outcome) {
      if (entry < 0) entry = options.flip_negative ? -entry : options.clamp ? 1e-8 : entry;
      sum += entry;
    }
  }
  for (auto& outcome : p)
    for (double& entry : outcome) entry /= sum;
  return p;
}

}  // namespace

LabelModel fit_flyingsquid(const VoteCounts& counts, const std::vector<double>& class_balance,
                           const FlyingSquidOptions& options) {
  if (!counts.domain.signed_votes) throw expected("binary votes", "votes under compat 'flyingsquid'", "classes");
  if (counts.lfs < 3) throw expected("3 or more LFs", "votes under compat 'flyingsquid'", std::to_string(counts.lfs));
  if (counts.rows == 0) throw expected("1 or more rows", "votes under compat 'flyingsquid'", "0");
  LabelModel model;
  model.domain = counts.domain;
  model.lfs = counts.lfs;
  model.combine = Combine::product;
  model.class_balance = class_balance;
  model.weights.assign(static_cast<size_t>(counts.lfs * 3 * 2), 0.0);
  const double exponent = options.prior_twice ? 2 : 1;
  for (const double p : class_balance) model.start.push_back(std::pow(p, exponent));

  const std::vector<double> expectation = expectations(counts, options);
  const auto rows = static_cast<double>(counts.rows);
  for (int64_t i = 0; i < counts.lfs; ++i) {
    const double abstains = 1 - static_cast<double>(counts.lf_votes(i)) / rows;
    const double positive = static_cast<double>(counts.votes(2 * i + 1)) / rows;
    const double rho = (1 + expectation[static_cast<size_t>(i)] - abstains) / 2;
    const auto p = clique(rho, positive, abstains, class_balance[1], options);
    for (int outcome = 0; outcome < 3; ++outcome) {
      for (int y = 0; y < 2; ++y) {
        const double prior = class_balance[static_cast<size_t>(y)];
        model.weight(i, outcome, y) = prior > 0 ? p[static_cast<size_t>(outcome)][static_cast<size_t>(y)] / prior : 0.0;
      }
    }
    LfAccuracy accuracy;
    accuracy.estimate = rho;
    accuracy.coverage = 1 - abstains;
    model.accuracies.push_back(accuracy);
  }
  return model;
}

}  // namespace nearvote

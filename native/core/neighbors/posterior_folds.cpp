// Cross-validation of smoothing: settings and folds are lanes (fold_lanes.h) that go through the rounds side by side
// (fold_rounds.h), in as many passes as it takes.
#include <algorithm>

#include "core/neighbors/fold_lanes.h"
#include "core/neighbors/fold_rounds.h"
#include "core/neighbors/posterior_graph.h"

namespace nearvote {
namespace {

constexpr int64_t kMostStates = int64_t{1} << 25;  // floats of one round's states

}  // namespace

PosteriorGraph::OwnFactors PosteriorGraph::own_factors(double own_weight, const RunOptions& options) const {
  OwnFactors own{own_weight, AlignedBuffer<float>(rows() * (in_panels() ? 1 : classes_))};
  float* values = own.values.data();
  if (in_panels()) {
    own_ratios(own_weight, options, values);
    return own;
  }
  const std::vector<double> factor =
      own_factor(proba_.data(), counts_.data(), balance_, own_weight, rows(), options.threads);
  for_blocks(options, [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t row = begin; row < end; ++row) {
      const double* from = factor.data() + row * classes_;
      const double most = *std::max_element(from, from + classes_);
      for (int64_t y = 0; y < classes_; ++y) values[row * classes_ + y] = static_cast<float>(from[y] / most);
    }
  });
  return own;
}

template <class Vec>
void PosteriorGraph::run_folds(const std::vector<SmoothingSettings>& settings, int64_t folds, int rounds,
                               const RunOptions& options, double* out) const {
  std::vector<FoldLane> lanes;
  std::vector<OwnFactors> factors;
  for (size_t s = 0; s < settings.size(); ++s) {
    const double own_weight = settings[s].own_weight;
    if (std::none_of(factors.begin(), factors.end(), [&](const auto& own) { return own.own_weight == own_weight; }))
      factors.push_back(own_factors(own_weight, options));
    if (settings[s].gold_weight == 0) {
      lanes.push_back({s, {}});
      continue;
    }
    for (int64_t fold = 0; fold < folds; ++fold) lanes.push_back({s, {fold, folds}});
  }
  for (size_t first = 0; first < lanes.size(); first += kLanesOf<Vec>) {
    const auto count = static_cast<int64_t>(std::min<size_t>(kLanesOf<Vec>, lanes.size() - first));
    const FoldLanes<Vec> pass(*this, settings, factors, lanes.data() + first, count, folds);
    FoldRounds<Vec>(*this, pass, options).run(rounds, out);
  }
}

std::vector<double> PosteriorGraph::cross_validate(const std::vector<SmoothingSettings>& settings, int64_t folds,
                                                   int rounds, const RunOptions& options) const {
  std::vector<double> out(settings.size() * gold_.size() * static_cast<size_t>(classes_));
  if (gold_.empty()) return out;
  if (rows() * kept() <= kMostStates / kLanesOf<Float16>)
    run_folds<Float16>(settings, folds, rounds, options, out.data());
  else
    run_folds<float>(settings, folds, rounds, options, out.data());
  return out;
}

}  // namespace nearvote

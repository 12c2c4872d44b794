// What sets the lanes of a cross-validation of smoothing apart: a setting and a fold whose labels are hidden each. Only
// included by posterior_folds.cpp.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/lanes.h"
#include "core/neighbors/posterior_graph.h"
#include "core/simd/dispatch.h"

namespace nearvote {

struct PosteriorGraph::FoldLane {
  size_t setting;
  HiddenGold hidden;
};

// Own factors of all rows under one weight. Two classes: n, that of class 1 over that of class 0; else n x K, the
// largest of a row 1.
struct PosteriorGraph::OwnFactors {
  double own_weight;
  AlignedBuffer<float> values;
};

// Lanes that are not used repeat the last one.
template <class Vec>
class PosteriorGraph::FoldLanes {
 public:
  static constexpr int kLanes = kLanesOf<Vec>;

  FoldLanes(const PosteriorGraph& graph, const std::vector<SmoothingSettings>& settings,
            const std::vector<OwnFactors>& factors, const FoldLane* lanes, int64_t count, int64_t folds)
      : graph_(graph),
        kernels_(simd::active_kernels().smoothing),
        lanes_(lanes, lanes + count),
        count_(static_cast<int>(count)),
        known_(folds) {
    lanes_.resize(kLanes, lanes_.back());
    std::fill_n(known_.data(), folds, Known{});
    for (int l = 0; l < kLanes; ++l) {
      const FoldLane& lane = lanes_[static_cast<size_t>(l)];
      const SmoothingSettings& setting = settings[lane.setting];
      const auto gold_weight = static_cast<float>(setting.gold_weight);
      for (int64_t fold = 0; gold_weight > 0 && fold < folds; ++fold) {
        if (lane.hidden(fold)) continue;
        Known& known = known_[fold];
        lane_of(known.is, l) = 1;
        lane_of(known.weight, l) = gold_weight;
        lane_of(known.weight_square, l) = gold_weight * gold_weight;
        lane_of(known.more, l) = gold_weight - 1;
        lane_of(known.more_square, l) = gold_weight * gold_weight - 1;
      }
      const auto factor = std::find_if(factors.begin(), factors.end(),
                                       [&](const OwnFactors& own) { return own.own_weight == setting.own_weight; });
      const float* values = factor->values.data();
      if (own_.empty() || own_.back().values != values) own_.push_back({values, Vec{}});
      lane_of(own_.back().mine, l) = 1;
    }
  }

  int64_t folds() const { return known_.size(); }
  int used() const { return count_; }
  const FoldLane& lane(int l) const { return lanes_[static_cast<size_t>(l)]; }

  // Whether the label of a gold row (or of any in its fold) is known to a lane and counts.
  bool clamped(int l, int64_t place) const { return lane_of(known(place).is, l) > 0; }

  // state: of the kept classes.
  void clamp(int64_t place, Vec* state) const {
    const Vec &is = known(place).is, others = all_lanes<Vec>(1) - is;
    for (int64_t y = 0; y < graph_.kept(); ++y)
      state[y] = y + 1 == graph_.label(place) ? others * state[y] + is : others * state[y];
  }

  // Of a row, for class y.
  Vec own(int64_t row, int64_t y) const {
    const bool two = graph_.in_panels();
    if (two && y == 0) return all_lanes<Vec>(1);
    const int64_t at = two ? row : row * graph_.classes_ + y;
    Vec value = own_[0].values[at] * own_[0].mine;
    for (size_t group = 1; group < own_.size(); ++group) value = value + own_[group].values[at] * own_[group].mine;
    return value;
  }

  // What a clamped neighbour counts beyond its state at weight one, in the first round: beyond its votes. sums: weight,
  // squares, and the kept classes.
  void add_gold(const GoldEntry& entry, bool first, Vec* sums) const {
    const Known& lanes = known(entry.place);
    const int64_t row = graph_.gold_[static_cast<size_t>(entry.place)], label = graph_.label(entry.place);
    const bool counted = !first || graph_.votes(row);
    const Vec &more = counted ? lanes.more : lanes.weight, &square = counted ? lanes.more_square : lanes.weight_square;
    const Vec& said = first ? lanes.weight : lanes.more;
    const auto was = [&](int64_t y) { return first && counted ? static_cast<float>(graph_.proba(row)[y]) : 0.0f; };
    if constexpr (kLanes == simd::kLanes)
      if (graph_.kept() == 1)
        return kernels_.lane_add(floats(&more), floats(&square), floats(label == 1 ? &said : &none_), floats(&lanes.is),
                                 was(1), entry.weight, reinterpret_cast<float*>(sums));
    sums[0] = sums[0] + entry.weight * more;
    sums[1] = sums[1] + entry.weight * entry.weight * square;
    if (label > 0) sums[1 + label] = sums[1 + label] + entry.weight * said;
    for (int64_t y = 1; first && counted && y <= graph_.kept(); ++y)
      sums[1 + y] = sums[1 + y] - entry.weight * was(y) * lanes.is;
  }

 private:
  struct Own {
    const float* values;
    Vec mine;  // 1 for the lanes they are of, else 0
  };
  // Of the lanes that know the gold rows of a fold: 1, the gold weight, its square, and both less one; of others 0.
  struct Known {
    Vec is, weight, weight_square, more, more_square;
  };

  static const float* floats(const Vec* values) { return reinterpret_cast<const float*>(values); }

  const Known& known(int64_t place) const {
    return known_[static_cast<uint32_t>(place) % static_cast<uint32_t>(known_.size())];
  }

  const PosteriorGraph& graph_;
  const simd::SmoothingKernels& kernels_;
  const Vec none_{};
  std::vector<FoldLane> lanes_;
  int count_;
  AlignedBuffer<Known> known_;  // folds
  std::vector<Own> own_;
};

}  // namespace nearvote

// What sets the lanes of a cross-validation of smoothing apart: a setting and a fold whose labels are hidden each. Only
// included by posterior_folds.cpp.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/lanes.h"
#include "core/neighbors/posterior_graph.h"

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
      : graph_(graph), lanes_(lanes, lanes + count), count_(static_cast<int>(count)), known_(folds) {
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
        lane_of(known.more, l) = gold_weight - 1;
        lane_of(known.more_squares, l) = gold_weight * gold_weight - 1;
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

  // What a clamped neighbour counts beyond its state at weight one. sums: weight, squares, and the kept classes.
  void add_gold(const GoldEntry& entry, Vec* sums) const {
    const Known& lanes = known(entry.place);
    const int32_t label = graph_.label(entry.place);
    const Vec more = entry.weight * lanes.more;
    sums[0] = sums[0] + more;
    sums[1] = sums[1] + entry.weight * entry.weight * lanes.more_squares;
    if (label > 0) sums[1 + label] = sums[1 + label] + more;
  }

  // The same in the first round, beyond its votes.
  void add_first_gold(const GoldEntry& entry, Vec* sums) const {
    const Known& lanes = known(entry.place);
    const int64_t row = graph_.gold_[static_cast<size_t>(entry.place)];
    const float counted = graph_.votes(row) ? 1 : 0;
    sums[0] = sums[0] + entry.weight * (lanes.weight - counted * lanes.is);
    sums[1] = sums[1] + entry.weight * entry.weight * (lanes.weight * lanes.weight - counted * lanes.is);
    for (int64_t y = 1; y <= graph_.kept(); ++y) {
      const float is = y == graph_.label(entry.place) ? 1 : 0, was = counted * static_cast<float>(graph_.proba(row)[y]);
      sums[1 + y] = sums[1 + y] + entry.weight * (is * lanes.weight - was * lanes.is);
    }
  }

 private:
  struct Own {
    const float* values;
    Vec mine;  // 1 for the lanes they are of, else 0
  };
  // Lanes that know the gold rows of a fold, the others 0: 1, the weight, the weight less one, its square less one.
  struct Known {
    Vec is, weight, more, more_squares;
  };

  const Known& known(int64_t place) const {
    return known_[static_cast<uint32_t>(place) % static_cast<uint32_t>(known_.size())];
  }

  const PosteriorGraph& graph_;
  std::vector<FoldLane> lanes_;
  int count_;
  AlignedBuffer<Known> known_;  // folds
  std::vector<Own> own_;
};

}  // namespace nearvote

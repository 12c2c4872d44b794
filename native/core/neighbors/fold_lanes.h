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
            const std::vector<OwnFactors>& factors, const FoldLane* lanes, int64_t count)
      : graph_(graph), lanes_(lanes, lanes + count), count_(static_cast<int>(count)) {
    lanes_.resize(kLanes, lanes_.back());
    for (int l = 0; l < kLanes; ++l) {
      const FoldLane& lane = lanes_[static_cast<size_t>(l)];
      const SmoothingSettings& setting = settings[lane.setting];
      gold_weight_[l] = static_cast<float>(setting.gold_weight);
      const auto factor = std::find_if(factors.begin(), factors.end(),
                                       [&](const OwnFactors& own) { return own.own_weight == setting.own_weight; });
      const float* values = factor->values.data();
      if (own_.empty() || own_.back().values != values) own_.push_back({values, Vec{}});
      lane_of(own_.back().mine, l) = 1;
      for (size_t place = 0; place < graph.gold_.size(); ++place)
        clamped_.push_back(setting.gold_weight > 0 && !lane.hidden(static_cast<int64_t>(place)) ? 1 : 0);
    }
    set_terms(first_terms_, true);
    set_terms(terms_, false);
  }

  int used() const { return count_; }
  const FoldLane& lane(int l) const { return lanes_[static_cast<size_t>(l)]; }

  // Whether the label of a gold row is known to a lane and counts.
  bool clamped(int l, int64_t place) const {
    return clamped_[static_cast<size_t>(l) * graph_.gold_.size() + static_cast<size_t>(place)] != 0;
  }
  // state: of the kept classes.
  void clamp(int64_t place, Vec* state) const {
    const int32_t label = graph_.label(place);
    for (int l = 0; l < kLanes; ++l)
      for (int64_t y = 0; y < graph_.kept() && clamped(l, place); ++y)
        lane_of(state[y], l) = y + 1 == label ? 1.0f : 0.0f;
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

  // What a clamped neighbour at weight one counts beyond its state (in the first round: beyond its votes): weight,
  // square, and the kept classes.
  const Vec* terms(int64_t place, bool first) const {
    return (first ? first_terms_ : terms_).data() + place * (graph_.kept() + 2);
  }

 private:
  struct Own {
    const float* values;
    Vec mine;  // 1 for the lanes they are of, else 0
  };

  void set_terms(AlignedBuffer<Vec>& terms, bool first) const {
    const int64_t kept = graph_.kept();
    const auto places = static_cast<int64_t>(graph_.gold_.size());
    terms = AlignedBuffer<Vec>(places * (kept + 2));
    std::fill_n(terms.data(), terms.size(), Vec{});
    for (int64_t place = 0; place < places; ++place) {
      const int64_t row = graph_.gold_[static_cast<size_t>(place)];
      const float counted = !first || graph_.votes(row) ? 1.0f : 0.0f;
      Vec* to = terms.data() + place * (kept + 2);
      for (int l = 0; l < kLanes; ++l) {
        if (!clamped(l, place)) continue;
        const float gold = gold_weight_[l];
        lane_of(to[0], l) = gold - counted;
        lane_of(to[1], l) = gold * gold - counted;
        for (int64_t y = 0; y < kept; ++y) {
          const float is = y + 1 == graph_.label(place) ? 1.0f : 0.0f;
          const float was = first ? static_cast<float>(graph_.proba(row)[y + 1]) : is;
          lane_of(to[2 + y], l) = gold * is - counted * was;
        }
      }
    }
  }

  const PosteriorGraph& graph_;
  std::vector<FoldLane> lanes_;
  int count_;
  float gold_weight_[kLanes];
  std::vector<Own> own_;
  std::vector<uint8_t> clamped_;            // lanes x gold rows
  AlignedBuffer<Vec> first_terms_, terms_;  // gold rows x (kept classes + 2): of the first round, of the others
};

}  // namespace nearvote

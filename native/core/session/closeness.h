// How much a neighbour's label says about a row, from the score of the pair: 0 (nothing) to 1.
#pragma once

#include <algorithm>

#include "core/session/neighbor_lists.h"

namespace nearvote {

class Closeness {
 public:
  // The scale is the median score of rows and their nearest ones.
  Closeness(Metric metric, const NeighborLists& lists) : l2_(metric == Metric::l2) {
    std::vector<float> nearest;
    for (int64_t row = 0; row < lists.rows(); ++row)
      if (lists.count(row) > 0) nearest.push_back(lists.scores(row)[0]);
    if (nearest.empty()) return;
    const auto middle = nearest.begin() + static_cast<std::ptrdiff_t>(nearest.size() / 2);
    std::nth_element(nearest.begin(), middle, nearest.end());
    scale_ = *middle;
  }

  // cosine, dot: (score / scale)^4, at most 1; l2: 1 / (1 + (distance / scale)^2)^2.
  double operator()(float score) const {
    if (scale_ <= 0) return l2_ ? (score <= 0 ? 1 : 0) : 0;
    const double ratio = score / scale_;
    if (l2_) return 1 / ((1 + ratio * ratio) * (1 + ratio * ratio));
    const double near = std::clamp(ratio, 0.0, 1.0);
    return near * near * near * near;
  }

 private:
  bool l2_;
  double scale_ = 0;
};

}  // namespace nearvote

// Is a score strictly inside a threshold, when only the score rounded to float is at hand? Three answers: the rounding
// interval lies inside, outside, or the canonical score has to tell.
#pragma once

#include <cmath>
#include <limits>

#include "core/neighbors/canonical.h"

namespace nearvote {

enum class Inside { no, yes, unclear };

class ThresholdTest {
 public:
  // A NaN threshold lets nothing in.
  ThresholdTest(Metric metric, double threshold) : flip_(metric == Metric::l2) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const double t = flip_ ? -threshold : threshold;  // larger is nearer
    const auto rounded = static_cast<float>(t);
    if (std::isnan(t) || t == infinity) {
      no_ = infinity;
      yes_ = infinity;
    } else if (t == -infinity) {
      no_ = std::numeric_limits<float>::quiet_NaN();
      yes_ = -infinity;
    } else {
      // One float further out on either side covers the rounding of the threshold as well as that of the score.
      // A threshold beyond the floats leaves the scores beyond them to the canonical score.
      constexpr float never = std::numeric_limits<float>::quiet_NaN();
      no_ = rounded == -infinity ? never : std::nextafter(std::nextafter(rounded, -infinity), -infinity);
      yes_ = rounded == infinity ? never : std::nextafter(std::nextafter(rounded, infinity), infinity);
    }
  }

  Inside operator()(float score) const {
    const float s = flip_ ? -score : score;
    if (s <= no_) return Inside::no;
    return s >= yes_ ? Inside::yes : Inside::unclear;
  }

 private:
  bool flip_;
  float no_, yes_;
};

}  // namespace nearvote

// Approximate scores of rows that came against all rows, with a bound of their error: what decides cheaply where a row
// that came can matter at all. The scale ("half-key") is that of the canonical key for cosine and dot, and half of it
// for l2, so that larger is nearer and rows of either side compare.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/embedding_set.h"

namespace nearvote {

class TailScores {
 public:
  // The rows of `set` from `first` on; count() x set.rows() floats.
  TailScores(const EmbeddingSet& set, int64_t first, const RunOptions& options);

  int64_t first() const { return first_; }  // row of the first that came
  int64_t count() const { return rows_ - first_; }
  int64_t rows() const { return rows_; }
  // Of row first() + at against every row (itself too): |score - half-key| <= error(at).
  const float* of(int64_t at) const { return scores_.data() + at * rows_; }
  float error(int64_t at) const { return error_[static_cast<size_t>(at)]; }

  // Calls hit(i) for every i < count with score[i] + error >= bound(i), ascending. Made for few hits.
  template <class Bound, class Hit>
  static void for_reached(const float* score, float error, int64_t count, Bound&& bound, Hit&& hit) {
    constexpr int64_t kTogether = 32;  // one branch for all
    for (int64_t first = 0; first < count; first += kTogether) {
      const int64_t end = std::min(count, first + kTogether);
      int any = 0;
      for (int64_t i = first; i < end; ++i) any |= static_cast<int>(score[i] + error >= bound(i));
      for (int64_t i = first; any != 0 && i < end; ++i)
        if (score[i] + error >= bound(i)) hit(i);
    }
  }

  // Lower bounds of a half-key: of the pair with this canonical score rounded to float, and of this key.
  static float below_score(Metric metric, float score) {
    if (metric != Metric::l2) return float_below(score);
    const double distance = -float_below(-score);
    return round_down(-distance * distance / 2 * (1 + 0x1p-50));
  }
  static float below_key(Metric metric, double key) { return round_down(metric == Metric::l2 ? key / 2 : key); }

 private:
  // The next float towards -infinity (std::nextafter is a call, and this is asked for every cell).
  static float float_below(float x) {
    const auto bits = std::bit_cast<int32_t>(x);
    if (x == 0) return -std::numeric_limits<float>::denorm_min();
    return x == -std::numeric_limits<float>::infinity() ? x : std::bit_cast<float>(x > 0 ? bits - 1 : bits + 1);
  }
  static float round_down(double x) {
    const auto nearest = static_cast<float>(x);
    return nearest > x ? float_below(nearest) : nearest;
  }

  int64_t first_, rows_;
  AlignedBuffer<float> scores_;
  std::vector<float> error_;
};

}  // namespace nearvote

// The score that decides. Element i of a row goes to accumulator i mod 8 (float64, in order of i); the accumulators
// are added as ((a0+a4)+(a2+a6)) + ((a1+a5)+(a3+a7)). A product of two floats is exact in double, so the dot has the
// same bits with and without FMA; the squared distance rounds (double)x - (double)y, its square and the sum
// separately, and is compiled without contraction. Zero padding changes no bit. Every ISA, thread count and device
// gives the same value.
//
// Rows are ranked by a key for which larger is nearer: the dot for cosine and dot, minus the squared distance for l2.
// Equal keys are ties, which the lower row index wins.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/neighbors/metric.h"

namespace nearvote {

double canonical_dot(const float* x, const float* y, int64_t dims);
double canonical_squared_distance(const float* x, const float* y, int64_t dims);

inline double canonical_key(Metric metric, const float* x, const float* y, int64_t dims) {
  return metric == Metric::l2 ? -canonical_squared_distance(x, y, dims) : canonical_dot(x, y, dims);
}

// What a user sees of a key: the similarity, or the true distance.
inline double score_of_key(Metric metric, double key) { return metric == Metric::l2 ? std::sqrt(-key) : key; }

// Strictly inside the threshold: similarity > threshold, distance < threshold. A NaN threshold lets nothing in.
inline bool within_threshold(Metric metric, double score, double threshold) {
  return metric == Metric::l2 ? score < threshold : score > threshold;
}

}  // namespace nearvote

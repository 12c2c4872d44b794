// The canonical score (neighbors/canonical.h) spread over eight lanes: lane l sums the elements l, l + 8, .. in order;
// the sums are added pairwise at distance 4, 2, 1, which is ((a0+a4)+(a2+a6)) + ((a1+a5)+(a3+a7)) on lane 0.
#pragma once

#include <cstdint>

#include "core/device/hd.h"

namespace nearvote::device {

NEARVOTE_HD double exact_add(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dadd_rn(a, b);
#else
  return a + b;
#endif
}

// A product of two floats is exact in double, so one rounding or two give the same sum.
NEARVOTE_HD double add_product(double sum, float x, float y) {
#if defined(__CUDA_ARCH__)
  return __fma_rn(static_cast<double>(x), static_cast<double>(y), sum);
#else
  return sum + static_cast<double>(x) * static_cast<double>(y);
#endif
}

NEARVOTE_HD double add_square(double sum, float x, float y) {
#if defined(__CUDA_ARCH__)
  const double difference = __dsub_rn(static_cast<double>(x), static_cast<double>(y));
  return __dadd_rn(sum, __dmul_rn(difference, difference));
#else
  const double difference = static_cast<double>(x) - static_cast<double>(y);
  return sum + difference * difference;
#endif
}

NEARVOTE_HD double lane_sum(const float* x, const float* y, int64_t dims, int lane, bool l2) {
  double sum = 0;
  if (l2) {
    for (int64_t i = lane; i < dims; i += 8) sum = add_square(sum, x[i], y[i]);
  } else {
    for (int64_t i = lane; i < dims; i += 8) sum = add_product(sum, x[i], y[i]);
  }
  return sum;
}

// Keys: larger is nearer.
NEARVOTE_HD double key_of_sum(double sum, bool l2) { return l2 ? -sum : sum; }

}  // namespace nearvote::device

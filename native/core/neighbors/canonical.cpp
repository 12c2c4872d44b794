#include "core/neighbors/canonical.h"

#include "core/simd/kernels.h"

namespace nearvote {

// Any table would do: they agree to the bit.
double canonical_dot(const float* x, const float* y, int64_t dims) { return simd::kBaseline.dot(x, y, dims); }

double canonical_squared_distance(const float* x, const float* y, int64_t dims) {
  return simd::kBaseline.squared_distance(x, y, dims);
}

}  // namespace nearvote

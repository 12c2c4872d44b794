#include "core/neighbors/canonical.h"

namespace nearvote {
namespace {

double sum8(const double* a) { return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7])); }

}  // namespace

double canonical_dot(const float* x, const float* y, int64_t dims) {
  double a[8] = {};
  int64_t i = 0;
  for (; i + 8 <= dims; i += 8)
    for (int l = 0; l < 8; ++l) a[l] += static_cast<double>(x[i + l]) * static_cast<double>(y[i + l]);
  for (int l = 0; i + l < dims; ++l) a[l] += static_cast<double>(x[i + l]) * static_cast<double>(y[i + l]);
  return sum8(a);
}

double canonical_squared_distance(const float* x, const float* y, int64_t dims) {
  double a[8] = {};
  const auto add = [&](int64_t i, int l) {
    const double difference = static_cast<double>(x[i + l]) - static_cast<double>(y[i + l]);
    a[l] += difference * difference;
  };
  int64_t i = 0;
  for (; i + 8 <= dims; i += 8)
    for (int l = 0; l < 8; ++l) add(i, l);
  for (int l = 0; i + l < dims; ++l) add(i, l);
  return sum8(a);
}

}  // namespace nearvote

// The inner step of fitting R = g g': sums over the partners v of one row u, with the weights that make it robust, and
// the ridge regression that follows. rank is small (classes - 1).
#pragma once

#include <cstdint>
#include <vector>

namespace nearvote {

class PartnerSums {
 public:
  explicit PartnerSums(int rank);

  void clear();

  // Partners v = 0..count-1 with correlations R_uv and factors g_v (count x rank). e = R_uv - own . g_v, weight
  // 1 / (1 + e^2 inverse_scale).
  void add(const double* correlation, const double* factor, int64_t count, const double* own, double inverse_scale);

  // Mean of e^2, weighted by how much each partner matters (weight |g_v|^2).
  double mean_square() const;
  // Sum of weight |g_v|^2.
  double trace() const;

  // argmin_g sum_v weight (R_uv - g . g_v)^2 + ridge |g - prior|^2, ridge > 0; `out` has `rank` entries.
  void solve(const double* prior, double ridge, double* out) const;

 private:
  int rank_;
  std::vector<double> gram_;      // rank x rank: sum w g_v g_v'
  std::vector<double> products_;  // rank: sum w R_uv g_v
  double residuals_ = 0;          // sum w |g_v|^2 e^2
};

}  // namespace nearvote

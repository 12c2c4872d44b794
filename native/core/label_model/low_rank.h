// The inner step of fitting R = g g': sums over the partners v of one row u, with the weights that make it robust, and
// the ridge regression that follows; and the median that sets the scale of those weights. rank is small (classes - 1).
#pragma once

#include <cstdint>
#include <vector>

namespace nearvote {

class PartnerSums {
 public:
  explicit PartnerSums(int rank);

  void clear();

  // Partners v = 0..count-1 with correlations R_uv and factors g_v (count x rank). e = R_uv - own . g_v, weight
  // w = 1 / (1 + e^2 inverse_scale); inverse_scale 0: all weights are 1.
  void add(const double* correlation, const double* factor, int64_t count, const double* own, double inverse_scale);

  // Mean of e^2, weighted by w |g_v|^2, of partners whose |g_v|^2 add up to `norm`: as w e^2 = (1 - w) / inverse_scale,
  // it follows from the other sums. inverse_scale > 0.
  double mean_square(double norm, double inverse_scale) const;
  // Sum of w |g_v|^2.
  double trace() const;

  // argmin_g sum_v w (R_uv - g . g_v)^2 + ridge |g - prior|^2, ridge > 0; `out` has `rank` entries.
  void solve(const double* prior, double ridge, double* out);

 private:
  int rank_;
  std::vector<double> gram_;      // rank x rank: sum w g_v g_v'
  std::vector<double> products_;  // rank: sum w R_uv g_v
  std::vector<double> cholesky_;  // scratch of solve
};

// The element that sorting would put at values.size() / 2; reorders `values`, which are >= 0 and not empty. `near`: a
// guess, which makes it fast and changes nothing else.
double upper_median(std::vector<double>& values, double near, std::vector<double>& scratch);

}  // namespace nearvote

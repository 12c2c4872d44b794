// Rows as three int8 digits a value (simd/kernels.h), for matrices of dots whose sums are exact: products of digits i
// and j, i + j < orders (3 or 4), are added in int32, and only those sums are rounded to float32. Splitting numbers for
// exact products: Ozaki, Ogita, Oishi, Rump, "Error-free transformations of matrix multiplication" (2012).
//
// Let x = h + l + m + r, the parts of the three digits and what rounding left, 2^e the unit of h and
// rho = sqrt(d) 2^e / |x| <= sqrt(d) / 63.5. Then |r| <= 2^-17 rho |x|, |l| <= 2^-1 rho |x|, |m| <= 2^-9 rho |x|, and
// the dot of x and y is computed within |x||y| times the sum of
//   2^-17 (rho_x + rho_y + 2^-17 rho_x rho_y)     x.r + r.y + r.r
//   2^-9 (1 + 2^-9) rho_x rho_y or                l.m + m.l + m.m, of three orders
//   2^-18 rho_x rho_y                             m.m, of four
//   32 * 2^-24                                    at most seven roundings, of numbers that add up to less than 32
//   |x||y|
// which four orders keep below (d + 8) 2^-24 for any rows of d >= kMinDims, and three where rho is small: no value of a
// row dwarfs the others.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/embedding_set.h"

namespace nearvote {

// Some consecutive rows of a set: 3 bytes a value.
class DigitRows {
 public:
  static constexpr int64_t kMinDims = 96;     // with fewer, writing the values takes the time
  static constexpr int64_t kMaxDims = 43000;  // 3 * 2^14 * d < 2^31

  // Room for `capacity` rows. turned: as columns of the product. The set must outlive this.
  DigitRows(const EmbeddingSet& set, int64_t capacity, bool turned);

  void load(int64_t first, int64_t count, int threads, const JobControl& job);

  // Rows 16 p .. 16 p + 15 of those loaded; rows of zeros beyond them.
  const uint8_t* panel(int64_t p) const { return panels_.data() + p * panel_size_; }
  const float* exponents(int64_t p) const { return exponents_.data() + p * simd::kLanes; }
  double spread() const { return spread_; }  // upper bound of rho of the rows loaded that are not zero
  int64_t steps() const { return steps_; }
  int64_t dims() const { return set_.dims(); }

 private:
  const EmbeddingSet& set_;
  bool turned_;
  int64_t steps_;
  int64_t panel_size_;
  double spread_ = 0;
  AlignedBuffer<uint8_t> panels_;
  std::vector<float> exponents_;
};

// As many orders as keep every dot of these rows within (d + 8) 2^-24 |x||y|.
int digit_orders(const DigitRows& a, const DigitRows& b);

}  // namespace nearvote

// Rows in half precision with one power-of-two scale per row: value = half * 2^exponent. The largest element lands in
// [2^14, 2^15), so elements down to 2^-29 of it stay normal numbers; fp16's 11 bits bound a row's residual seven times
// tighter than bf16's 8. Scaling by a power of two is exact.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/device/hd.h"

namespace nearvote::device {

// Round to nearest, ties to even; |x| < 65520.
NEARVOTE_HD uint16_t half_from_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  const uint32_t sign = bits >> 16 & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
    if (magnitude < 0x33000000u) return static_cast<uint16_t>(sign);
    const uint32_t shift = 126 - (magnitude >> 23);  // 14 .. 24
    const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    const uint32_t kept = mantissa >> shift, rest = mantissa & ((1u << shift) - 1), half = 1u << (shift - 1);
    return static_cast<uint16_t>(sign | (kept + (rest > half || (rest == half && (kept & 1)) ? 1 : 0)));
  }
  magnitude += 0xfffu + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u) >> 13));
}

NEARVOTE_HD float float_from_half(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ffu;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const uint32_t bits = sign | (exponent + 112) << 23 | mantissa << 13;
  float out;
  memcpy(&out, &bits, 4);
  return out;
}

// 2^e for -1022 <= e <= 1023.
NEARVOTE_HD double power_of_two(int e) {
  const uint64_t bits = static_cast<uint64_t>(e + 1023) << 52;
  double out;
  memcpy(&out, &bits, 8);
  return out;
}

// The exponent of a row whose largest magnitude is `largest` (finite, >= 0).
NEARVOTE_HD int row_exponent(float largest) {
  if (largest == 0) return 0;
  uint64_t bits;
  const double wide = largest;  // a normal number also where the float is subnormal
  memcpy(&bits, &wide, 8);
  return static_cast<int>(bits >> 52) - 1023 - 14;
}

NEARVOTE_HD uint16_t quantize(float value, int exponent) {
  return half_from_float(static_cast<float>(static_cast<double>(value) * power_of_two(-exponent)));
}

NEARVOTE_HD double dequantize(uint16_t half, int exponent) {
  return static_cast<double>(float_from_half(half)) * power_of_two(exponent);
}

// What a search knows of a quantised row.
struct RowInfo {
  float scale;     // 2^exponent
  float norm;      // upper bound of the norm of the quantised row
  float residual;  // upper bound of the norm of what rounding took away
  int32_t zero;    // 1: every element is 0
  double squares;  // sum of squares of the row
};

// A norm from a float64 sum of squares, rounded up.
NEARVOTE_HD float norm_above(double squares) { return static_cast<float>(sqrt(squares) * (1 + 0x1p-22)) + 0x1p-149f; }

}  // namespace nearvote::device

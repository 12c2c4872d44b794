// The digit product (kernels.h) on int8 tiles, for amx.cpp.
#pragma once

#include "core/simd/avx512_vec.h"
#include "core/simd/kernels.h"

namespace nearvote::simd {
namespace {

constexpr int64_t kDigitStep = kDigits * kPanelStep;

// The most that three digits hold, 127 * 2^16 + 127 * 2^8 + 127; the smallest is further from zero.
constexpr float kMostDigits = 8355711;

DigitRow split_digits(const float* row, int64_t padded_dims, uint8_t* panel_row) {
  __m512 largest = _mm512_setzero_ps();
  for (int64_t k = 0; k < padded_dims; k += kLanes)
    largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_loadu_ps(row + k)));
  const __m512 most = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
  // The power of two that takes the largest value to 2^22 .. 2^23, or half as far where it would not fit.
  __m512 power = _mm512_sub_ps(_mm512_set1_ps(22), _mm512_getexp_ps(most));
  if (_mm512_reduce_max_ps(most) == 0) power = _mm512_setzero_ps();
  if (_mm512_reduce_max_ps(_mm512_scalef_ps(most, power)) > kMostDigits)
    power = _mm512_sub_ps(power, _mm512_set1_ps(1));
  const __m512i half = _mm512_set1_epi32(128);
  __m512 squares = _mm512_setzero_ps();
  for (int64_t k = 0; k < padded_dims; k += kLanes) {
    const __m512 scaled = _mm512_scalef_ps(_mm512_loadu_ps(row + k), power);
    squares = _mm512_fmadd_ps(scaled, scaled, squares);
    uint8_t* target = panel_row + k / kLineBytes * kDigitStep + k % kLineBytes;
    // A low byte read as signed is its digit; what it counts too little or too much goes to the next one.
    const __m512i low = _mm512_cvtps_epi32(scaled);
    const __m512i middle = _mm512_srai_epi32(_mm512_add_epi32(low, half), 8);
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(middle, half), 8);
    const auto store = [&](int digit, __m512i value) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(target + digit * kPanelStep), _mm512_cvtepi32_epi8(value));
    };
    store(0, high);
    store(1, middle);
    store(2, low);
  }
  const int64_t whole = (padded_dims + kLineBytes - 1) / kLineBytes * kLineBytes;
  for (int64_t k = padded_dims; k < whole; k += kLanes)
    for (int digit = 0; digit < kDigits; ++digit)
      _mm_storeu_si128(
          reinterpret_cast<__m128i*>(panel_row + k / kLineBytes * kDigitStep + k % kLineBytes + digit * kPanelStep),
          _mm_setzero_si128());
  return {16 - _mm512_cvtss_f32(power), _mm512_reduce_add_ps(squares) * 0x1p-32f};
}

void turn_digits(const uint8_t* panel, int64_t steps, uint8_t* packed) {
  for (int64_t line = 0; line < steps * kDigitStep; line += kPanelStep)
    Vec::turn(reinterpret_cast<const float*>(panel + line), reinterpret_cast<float*>(packed + line));
}

// One tile: every order's sums in registers 0-3, digits of the rows in 4-6, of the columns in 7.
template <int Orders>
void digit_tile(const uint8_t* rows, const float* row_exponents, const uint8_t* columns, const float* column_exponents,
                int64_t steps, float* out, int64_t row_stride) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  if (Orders == 4) _tile_zero(3);
  for (int64_t s = 0; s < steps; ++s, rows += kDigitStep, columns += kDigitStep) {
    _tile_loadd(7, columns, 64);
    _tile_loadd(4, rows, 64);
    _tile_dpbssd(0, 4, 7);
    _tile_loadd(5, rows + kPanelStep, 64);
    _tile_dpbssd(1, 5, 7);
    _tile_loadd(6, rows + 2 * kPanelStep, 64);
    _tile_dpbssd(2, 6, 7);
    _tile_loadd(7, columns + kPanelStep, 64);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 7);
    if (Orders == 4) _tile_dpbssd(3, 6, 7);
    _tile_loadd(7, columns + 2 * kPanelStep, 64);
    _tile_dpbssd(2, 4, 7);
    if (Orders == 4) _tile_dpbssd(3, 5, 7);
  }
  alignas(64) int32_t sums[Orders][kLanes * kLanes];
  _tile_stored(0, sums[0], 64);
  _tile_stored(1, sums[1], 64);
  _tile_stored(2, sums[2], 64);
  if (Orders == 4) _tile_stored(3, sums[Orders - 1], 64);
  __asm__ volatile("" : : "r"(sums) : "memory");  // gcc 12 does not see that a tile store writes memory
  const __m512 digit = _mm512_set1_ps(0x1p-8f), exponents = _mm512_loadu_ps(column_exponents);
  for (int r = 0; r < kLanes; ++r) {
    const auto sum = [&](int order) { return _mm512_cvtepi32_ps(_mm512_load_si512(sums[order] + r * kLanes)); };
    __m512 total = sum(Orders - 1);
    for (int order = Orders - 2; order >= 0; --order) total = _mm512_fmadd_ps(total, digit, sum(order));
    const __m512 exponent = _mm512_add_ps(_mm512_set1_ps(row_exponents[r]), exponents);
    _mm512_storeu_ps(out + r * row_stride, _mm512_scalef_ps(total, exponent));
  }
}

// The digits of the rows stay in the first-level cache while all columns pass.
template <int Orders>
void digit_tiles(const uint8_t* rows, const float* row_exponents, const uint8_t* columns, const float* column_exponents,
                 int64_t groups, int64_t steps, float* out, int64_t row_stride) {
  for (int64_t g = 0; g < groups; ++g)
    digit_tile<Orders>(rows, row_exponents, columns + g * steps * kDigitStep, column_exponents + g * kLanes, steps,
                       out + g * kLanes, row_stride);
}

}  // namespace
}  // namespace nearvote::simd

// The filter product on integer codes with AVX-512 registers, for what the including file calls Codes:
//   largest: codes are whole numbers from -largest to largest;
//   shift: queries are packed as unsigned bytes, larger by this;
//   add_products(sum, y, x): adds the products of the unsigned bytes y and the signed bytes x, four by four, to 32-bit
//   sums, exactly; `units` vectors of each.
#pragma once

#include "core/simd/avx512_vec.h"
#include "core/simd/kernels.h"

namespace nearvote::simd {
namespace {

constexpr int64_t kLineValues = kLineBytes;
constexpr int kRows = 8;  // of half a panel, with two groups: 16 sums in registers

__m512 load_part(const float* row, int64_t k, int64_t dims) {
  const int64_t left = dims - k;
  const auto mask = static_cast<__mmask16>(left >= kLanes ? 0xffff : left <= 0 ? 0 : (1u << left) - 1);
  return _mm512_maskz_loadu_ps(mask, row + k);
}

// Codes from -Codes::largest to Codes::largest. Rows too small to be scaled in float32 become zeros.
template <class Codes>
Rounded quantize(const float* row, int64_t dims, uint8_t* panel_row) {
  __m512 largest = _mm512_setzero_ps();
  for (int64_t k = 0; k < dims; k += kLanes) largest = _mm512_max_ps(largest, _mm512_abs_ps(load_part(row, k, dims)));
  const float most = _mm512_reduce_max_ps(largest);
  const bool tiny = !(most > 0x1p-100f);
  const float scale = tiny ? 0 : most / Codes::largest, inverse = tiny ? 0 : Codes::largest / most;
  __m512d lost = _mm512_setzero_pd();
  __m512i squares = _mm512_setzero_si512(), sum = _mm512_setzero_si512();
  const __m512d wide_scale = _mm512_set1_pd(scale);
  const auto add_lost = [&](__m256 x, __m256i codes) {
    const __m512d rest = _mm512_fnmadd_pd(_mm512_cvtepi32_pd(codes), wide_scale, _mm512_cvtps_pd(x));
    lost = _mm512_fmadd_pd(rest, rest, lost);
  };
  const int64_t padded = (dims + kLineValues - 1) / kLineValues * kLineValues;
  for (int64_t k = 0; k < padded; k += kLanes) {
    const __m512 x = load_part(row, k, dims);
    const __m512i codes = _mm512_cvtps_epi32(_mm512_mul_ps(x, _mm512_set1_ps(inverse)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(panel_row + k / kLineValues * kPanelStep + k % kLineValues),
                     _mm512_cvtepi32_epi8(codes));
    squares = _mm512_add_epi32(squares, _mm512_mullo_epi32(codes, codes));
    sum = _mm512_add_epi32(sum, codes);
    add_lost(_mm512_castps512_ps256(x), _mm512_castsi512_si256(codes));
    add_lost(_mm512_extractf32x8_ps(x, 1), _mm512_extracti32x8_epi32(codes, 1));
  }
  const double wide = scale;
  // Queries count so much more per value than they are: their codes are unsigned.
  return {wide * wide * _mm512_reduce_add_epi32(squares), _mm512_reduce_add_pd(lost), scale,
          -Codes::shift * _mm512_reduce_add_epi32(sum)};
}

template <class Codes, int Groups>
void product_rows(const uint8_t* rows, const float* scale, const int32_t* offset, const float* bias,
                  const uint8_t* packed, const float* lane_scale, int64_t steps, float* out, int64_t group_stride) {
  __m512i sum[kRows][Groups];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int g = 0; g < Groups; ++g) sum[r][g] = _mm512_set1_epi32(offset[r]);
  const int64_t operand = steps * kPanelStep;
  for (int64_t s = 0; s < steps; ++s, rows += kPanelStep, packed += kPanelStep)
    for (int unit = 0; unit < kLineBytes; unit += 4 * Codes::units) {
      __m512i y[Groups][Codes::units];
#pragma GCC unroll 2
      for (int g = 0; g < Groups; ++g)
#pragma GCC unroll 2
        for (int u = 0; u < Codes::units; ++u)
          y[g][u] = _mm512_loadu_si512(packed + g * operand + (unit + u * 4) * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        __m512i x[Codes::units];
#pragma GCC unroll 2
        for (int u = 0; u < Codes::units; ++u) {
          int32_t four;
          __builtin_memcpy(&four, rows + r * kLineBytes + unit + u * 4, 4);
          x[u] = _mm512_set1_epi32(four);
        }
#pragma GCC unroll 2
        for (int g = 0; g < Groups; ++g) sum[r][g] = Codes::add_products(sum[r][g], y[g], x);
      }
    }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int g = 0; g < Groups; ++g) {
      const __m512 factor = _mm512_mul_ps(_mm512_set1_ps(scale[r]), _mm512_loadu_ps(lane_scale + g * kLanes));
      const __m512 start = _mm512_set1_ps(bias == nullptr ? 0.0f : bias[r]);
      _mm512_storeu_ps(out + g * group_stride + r * kLanes,
                       _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][g]), factor, start));
    }
}

// The queries of two groups stay in the first-level cache while all rows pass.
template <class Codes>
void product_packed(const PackedRows* support, int64_t panel_count, const uint8_t* packed, const float* lane_scale,
                    int64_t groups, int64_t steps, float* out, int64_t group_stride) {
  for (int64_t g = 0; g < groups; g += 2)
    for (int64_t r = 0; r < panel_count * kLanes; r += kRows) {
      const uint8_t* rows = support->panels + r / kLanes * steps * kPanelStep + r % kLanes * kLineBytes;
      const float* bias = support->bias == nullptr ? nullptr : support->bias + r;
      const uint8_t* queries = packed + g * steps * kPanelStep;
      float* tile = out + g * group_stride + r * kLanes;
      if (g + 2 <= groups)
        product_rows<Codes, 2>(rows, support->scale + r, support->offset + r, bias, queries, lane_scale + g * kLanes,
                               steps, tile, group_stride);
      else
        product_rows<Codes, 1>(rows, support->scale + r, support->offset + r, bias, queries, lane_scale + g * kLanes,
                               steps, tile, group_stride);
    }
}

// The integer sum is exact; its conversion, the product of the scales and the final multiply-add round once each.
double packed_error(int64_t) { return 8 * 0x1p-24; }

}  // namespace
}  // namespace nearvote::simd

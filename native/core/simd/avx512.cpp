// AVX-512 F, BW, DQ, VL (Skylake-X, Zen 4 and later). The filter product on codes of 7 bits: without dot products of
// bytes, 16-bit sums of four products must not overflow. About twice the rate of float32.
#if defined(__x86_64__)
#include "core/simd/impl_canonical.h"
#include "core/simd/impl_codes_avx512.h"
#include "core/simd/impl_pack.h"
#include "core/simd/impl_product.h"
#include "core/simd/impl_scan_pairs.h"
#include "core/simd/impl_smooth.h"
#include "core/simd/impl_top_k.h"

namespace nearvote::simd {
namespace {

struct Codes {
  static constexpr int32_t largest = 63, shift = 64;
  static constexpr int units = 2;
  // Four products in 16 bits: 4 * 127 * 63 < 2^15.
  static __m512i add_products(__m512i sum, const __m512i* y, const __m512i* x) {
    const __m512i four = _mm512_add_epi16(_mm512_maddubs_epi16(y[0], x[0]), _mm512_maddubs_epi16(y[1], x[1]));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(four, _mm512_set1_epi16(1)));
  }
};

}  // namespace

const Kernels kAvx512 = {
    .name = "avx512",
    .precision = Precision::int8,
    .accumulation_error = accumulation_error_f32,
    .scale_row = scale_row,
    .dot = canonical<DotTerm>,
    .squared_distance = canonical<SquareTerm>,
    .dot4 = canonical4<DotTerm>,
    .squared_distance4 = canonical4<SquareTerm>,
    .pack_f32 = pack_f32,
    .product_f32 = product_f32,
    .packed_error = packed_error,
    .coarsest = 0.024f,
    .quantize = quantize<Codes>,
    .pack = pack_lines<0x7f7f7f7f, 0x40404040>,
    .product_packed = product_packed<Codes>,
    .split_digits = nullptr,
    .turn_digits = nullptr,
    .product_digits = nullptr,
    .scan_votes = scan_votes,
    .best_of_tile = best_of_tile,
    .turn_tile = turn_tile,
    .scan_rows = scan_rows,
    .lowest_of_parts = lowest_of_parts,
    .cut_list = cut_list,
    .scan_pairs = scan_pairs,
    .smoothing = kSmoothing,
};

}  // namespace nearvote::simd

#endif  // x86-64

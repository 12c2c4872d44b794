// AVX-512 with integer dot products (Ice Lake, Zen 4 and later): the filter product on int8 at four times the rate of
// float32, AVX-512 for everything else.
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
  static constexpr int32_t largest = 127, shift = 128;
  static constexpr int units = 1;
  static __m512i add_products(__m512i sum, const __m512i* y, const __m512i* x) {
    return _mm512_dpbusd_epi32(sum, y[0], x[0]);
  }
};

}  // namespace

const Kernels kAvx512Vnni = {
    .name = "avx512_vnni",
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
    .coarsest = 0.016f,
    .quantize = quantize<Codes>,
    .pack = pack_lines<0xffffffff, 0x80808080>,
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

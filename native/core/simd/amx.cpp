// AMX (Sapphire Rapids and later): bf16 for the filter product, int8 for products of digits; AVX-512 for everything
// else. The process must have asked the kernel for the tile registers (dispatch.cpp).
#if defined(__x86_64__)
#include "core/simd/amx_digits.h"
#include "core/simd/avx512_vec.h"
#include "core/simd/impl_canonical.h"
#include "core/simd/impl_pack.h"
#include "core/simd/impl_product.h"
#include "core/simd/impl_scan_pairs.h"
#include "core/simd/impl_smooth.h"
#include "core/simd/impl_top_k.h"

namespace nearvote::simd {
namespace {

constexpr int64_t kDepth = 32;  // bf16 values per line; a tile register holds one panel step

struct alignas(64) TileConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
// All eight tile registers full. Static: gcc 12 drops the stores to a stack object given to ldtilecfg.
const TileConfig kConfig = {1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

Rounded quantize(const float* row, int64_t dims, uint8_t* panel_row) {
  __m512d kept = _mm512_setzero_pd(), lost = _mm512_setzero_pd();
  const __m512i half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1);
  const __m512i exponent = _mm512_set1_epi32(0x7f800000);
  const auto add_squares = [](__m512 v, __m512d& total) {
    const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
    const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    total = _mm512_fmadd_pd(high, high, _mm512_fmadd_pd(low, low, total));
  };
  const int64_t padded = (dims + kDepth - 1) / kDepth * kDepth;
  for (int64_t k = 0; k < padded; k += kLanes) {
    const int64_t left = dims - k;
    const __mmask16 mask = static_cast<__mmask16>(left >= kLanes ? 0xffff : left <= 0 ? 0 : (1u << left) - 1);
    const __m512 x = _mm512_maskz_loadu_ps(mask, row + k);
    // Round to nearest even on the upper half; what is then subnormal would be read as zero by the tile unit.
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(half, odd)), 16);
    rounded = _mm512_maskz_mov_epi32(_mm512_test_epi32_mask(_mm512_slli_epi32(rounded, 16), exponent), rounded);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(panel_row + k / kDepth * kPanelStep + k % kDepth * 2),
                        _mm512_cvtepi32_epi16(rounded));
    const __m512 value = _mm512_castsi512_ps(_mm512_slli_epi32(rounded, 16));
    add_squares(value, kept);
    add_squares(_mm512_sub_ps(x, value), lost);
  }
  return {_mm512_reduce_add_pd(kept), _mm512_reduce_add_pd(lost), 1, 0};
}

// Panels x Groups (1 or 2 each) tiles of scores. Registers: 0-3 sums, 4-5 support, 6-7 queries. ahead: memory to bring
// into the second-level cache meanwhile, `lines` cache lines per step.
template <int Panels, int Groups>
void product_step(const uint8_t* panel, const uint8_t* packed, int64_t steps, const float* bias, float* out,
                  int64_t group_stride, const uint8_t* ahead, int64_t lines) {
  if (bias == nullptr) {
    _tile_zero(0);
    if (Groups == 2) _tile_zero(1);
    if (Panels == 2) _tile_zero(2);
    if (Panels == 2 && Groups == 2) _tile_zero(3);
  } else {
    alignas(64) float start[Panels][kLanes * kLanes];
    for (int p = 0; p < Panels; ++p)
      for (int r = 0; r < kLanes; ++r) _mm512_store_ps(start[p] + r * kLanes, _mm512_set1_ps(bias[p * kLanes + r]));
    __asm__ volatile("" : : "r"(start) : "memory");  // gcc 12 does not see that a tile load reads memory
    _tile_loadd(0, start[0], 64);
    if (Groups == 2) _tile_loadd(1, start[0], 64);
    if (Panels == 2) _tile_loadd(2, start[Panels - 1], 64);
    if (Panels == 2 && Groups == 2) _tile_loadd(3, start[Panels - 1], 64);
  }
  const int64_t operand = steps * kPanelStep;
  for (int64_t s = 0; s < steps; ++s) {
    for (int64_t line = 0; line < lines; ++line, ahead += kLineBytes)
      _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_T1);
    _tile_loadd(4, panel + s * kPanelStep, 64);
    _tile_loadd(6, packed + s * kPanelStep, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (Groups == 2) {
      _tile_loadd(7, packed + operand + s * kPanelStep, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (Panels == 2) {
      _tile_loadd(5, panel + operand + s * kPanelStep, 64);
      _tile_dpbf16ps(2, 5, 6);
    }
    if (Panels == 2 && Groups == 2) _tile_dpbf16ps(3, 5, 7);
  }
  constexpr int64_t kScores = kLanes * kLanes;
  _tile_stored(0, out, 64);
  if (Groups == 2) _tile_stored(1, out + group_stride, 64);
  if (Panels == 2) _tile_stored(2, out + kScores, 64);
  if (Panels == 2 && Groups == 2) _tile_stored(3, out + kScores + group_stride, 64);
}

template <int Panels>
void product_panels(const uint8_t* panel, const uint8_t* packed, int64_t groups, int64_t steps, const float* bias,
                    float* out, int64_t group_stride) {
  // While these panels meet all groups, the next ones come from further away. With few groups the product is bound by
  // memory and the hardware's own prefetching does as well.
  const int64_t lines = groups >= 8 ? 2 * Panels * kLanes / groups : 0;
  const uint8_t* ahead = panel + Panels * steps * kPanelStep;
  int64_t g = 0;
  for (; g + 2 <= groups; g += 2, ahead += steps * lines * kLineBytes)
    product_step<Panels, 2>(panel, packed + g * steps * kPanelStep, steps, bias, out + g * group_stride, group_stride,
                            ahead, lines);
  if (g < groups)
    product_step<Panels, 1>(panel, packed + g * steps * kPanelStep, steps, bias, out + g * group_stride, group_stride,
                            ahead, lines);
}

void product_packed(const PackedRows* support, int64_t panel_count, const uint8_t* packed, const float*, int64_t groups,
                    int64_t steps, float* out, int64_t group_stride) {
  _tile_loadconfig(&kConfig);
  for (int64_t p = 0; p < panel_count; p += 2) {
    const uint8_t* panel = support->panels + p * steps * kPanelStep;
    const float* panel_bias = support->bias == nullptr ? nullptr : support->bias + p * kLanes;
    float* tile = out + p * kLanes * kLanes;
    if (p + 2 <= panel_count)
      product_panels<2>(panel, packed, groups, steps, panel_bias, tile, group_stride);
    else
      product_panels<1>(panel, packed, groups, steps, panel_bias, tile, group_stride);
  }
  _tile_release();
}

void product_digits(const uint8_t* rows, const float* row_exponents, const uint8_t* columns,
                    const float* column_exponents, int64_t groups, int64_t steps, int orders, float* out,
                    int64_t row_stride) {
  _tile_loadconfig(&kConfig);
  (orders == 3 ? digit_tiles<3> : digit_tiles<4>)(rows, row_exponents, columns, column_exponents, groups, steps, out,
                                                  row_stride);
  _tile_release();
}

// Every addition of the tile unit rounds to nearest with results below 2^-126 flushed; a factor 2 covers the order in
// which it adds the two products of a pair.
double packed_error(int64_t depth) { return static_cast<double>(depth + 8) * 0x1.02p-23; }

}  // namespace

const Kernels kAmx = {
    .name = "amx",
    .precision = Precision::bf16,
    .accumulation_error = accumulation_error_f32,
    .scale_row = scale_row,
    .dot = canonical<DotTerm>,
    .squared_distance = canonical<SquareTerm>,
    .dot4 = canonical4<DotTerm>,
    .squared_distance4 = canonical4<SquareTerm>,
    .pack_f32 = pack_f32,
    .product_f32 = product_f32,
    .packed_error = packed_error,
    .coarsest = 0,
    .quantize = quantize,
    .pack = pack_lines<0xffffffff, 0>,
    .product_packed = product_packed,
    .split_digits = split_digits,
    .turn_digits = turn_digits,
    .product_digits = product_digits,
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

// NEON with int8 dot products (ARMv8.2 with DotProd: Neoverse N1, Apple M1 and later): the filter product on int8, NEON
// for everything else.
#if defined(__aarch64__)
#include "core/simd/arm64_vec.h"
#include "core/simd/impl_canonical.h"
#include "core/simd/impl_pack.h"
#include "core/simd/impl_product.h"
#include "core/simd/impl_scan_pairs.h"
#include "core/simd/impl_smooth.h"
#include "core/simd/impl_top_k.h"

namespace nearvote::simd {
namespace {

constexpr int64_t kLineValues = kLineBytes;
constexpr int kRows = 4;   // a quarter of a panel: 16 sums in registers
constexpr int kParts = 4;  // vectors of one group

// Rows too small to be scaled in float32 become zeros.
Rounded quantize(const float* row, int64_t dims, uint8_t* panel_row) {
  float most = 0;
  for (int64_t k = 0; k < dims; ++k) {
    const float magnitude = row[k] < 0 ? -row[k] : row[k];
    most = magnitude > most ? magnitude : most;
  }
  const bool tiny = !(most > 0x1p-100f);
  const float scale = tiny ? 0 : most / 127, inverse = tiny ? 0 : 127 / most;
  const double wide = scale;
  int32_t squares = 0;
  double lost = 0;
  const int64_t padded = (dims + kLineValues - 1) / kLineValues * kLineValues;
  for (int64_t k = 0; k < padded; ++k) {
    const float x = k < dims ? row[k] : 0;
    const int32_t code = vcvtns_s32_f32(x * inverse);
    panel_row[k / kLineValues * kPanelStep + k % kLineValues] = static_cast<uint8_t>(static_cast<int8_t>(code));
    squares += code * code;
    const double rest = static_cast<double>(x) - wide * code;
    lost += rest * rest;
  }
  return {wide * wide * squares, lost, scale, 0};
}

// One unit of four values: lane Unit of each row's vector against the 16 queries.
template <int Unit>
inline __attribute__((always_inline)) void add_unit(const uint8_t* packed, const int8x16_t* x,
                                                    int32x4_t (*sum)[kParts]) {
  int8x16_t y[kParts];
  for (int v = 0; v < kParts; ++v) y[v] = vreinterpretq_s8_u8(vld1q_u8(packed + Unit * kLineBytes + v * 16));
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kParts; ++v) sum[r][v] = vdotq_laneq_s32(sum[r][v], y[v], x[r], Unit);
}

void product_rows(const uint8_t* rows, const float* scale, const float* bias, const uint8_t* packed,
                  const float* lane_scale, int64_t steps, float* out) {
  int32x4_t sum[kRows][kParts];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kParts; ++v) sum[r][v] = vdupq_n_s32(0);
  for (int64_t s = 0; s < steps; ++s, rows += kPanelStep)
    for (int part = 0; part < kLineBytes; part += 16, packed += 4 * kLineBytes) {
      int8x16_t x[kRows];
      for (int r = 0; r < kRows; ++r) x[r] = vreinterpretq_s8_u8(vld1q_u8(rows + r * kLineBytes + part));
      add_unit<0>(packed, x, sum);
      add_unit<1>(packed, x, sum);
      add_unit<2>(packed, x, sum);
      add_unit<3>(packed, x, sum);
    }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kParts; ++v) {
      const float32x4_t factor = vmulq_n_f32(vld1q_f32(lane_scale + v * 4), scale[r]);
      const float32x4_t start = vdupq_n_f32(bias == nullptr ? 0.0f : bias[r]);
      vst1q_f32(out + r * kLanes + v * 4, vfmaq_f32(start, vcvtq_f32_s32(sum[r][v]), factor));
    }
}

// The queries of a group stay in the first-level cache while all rows pass.
void product_packed(const PackedRows* support, int64_t panel_count, const uint8_t* packed, const float* lane_scale,
                    int64_t groups, int64_t steps, float* out, int64_t group_stride) {
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t r = 0; r < panel_count * kLanes; r += kRows)
      product_rows(support->panels + r / kLanes * steps * kPanelStep + r % kLanes * kLineBytes, support->scale + r,
                   support->bias == nullptr ? nullptr : support->bias + r, packed + g * steps * kPanelStep,
                   lane_scale + g * kLanes, steps, out + g * group_stride + r * kLanes);
}

// The integer sum is exact; its conversion, the product of the scales and the final multiply-add round once each.
double packed_error(int64_t) { return 8 * 0x1p-24; }

}  // namespace

const Kernels kNeonDot = {
    .name = "neon_dot",
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
    .quantize = quantize,
    .pack = pack_lines<0xffffffff, 0>,
    .product_packed = product_packed,
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

#endif  // arm64

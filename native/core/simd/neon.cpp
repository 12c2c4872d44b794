// NEON, which every arm64 CPU has.
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>

namespace nearvote::simd {
namespace {

struct Vec {
  using type = float32x4_t;
  static constexpr int width = 4;
  static type load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, type v) { vst1q_f32(p, v); }
  static type broadcast(float x) { return vdupq_n_f32(x); }
  static type add(type a, type b) { return vaddq_f32(a, b); }
  static type subtract(type a, type b) { return vsubq_f32(a, b); }
  static type multiply_add(type a, type b, type c) { return vfmaq_f32(c, a, b); }
  static type max(type a, type b) { return vmaxq_f32(a, b); }
  static uint32_t greater_equal(type a, type b) {
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgeq_f32(a, b), bits));
  }
};
constexpr int kRowsAtOnce = 6;
constexpr int kGroupsAtOnce = 1;

}  // namespace
}  // namespace nearvote::simd

#include "core/simd/impl_canonical.h"
#include "core/simd/impl_product.h"
#include "core/simd/impl_scan.h"

namespace nearvote::simd {

const Kernels kNeon = {
    .name = "neon",
    .precision = Precision::f32,
    .accumulation_error = accumulation_error_f32,
    .dot = canonical<DotTerm>,
    .squared_distance = canonical<SquareTerm>,
    .dot4 = canonical4<DotTerm>,
    .squared_distance4 = canonical4<SquareTerm>,
    .pack_f32 = pack_f32,
    .product_f32 = product_f32,
    .packed_error = nullptr,
    .quantize = nullptr,
    .pack = nullptr,
    .product_packed = nullptr,
    .scan_votes = scan_votes,
    .scan_rows = scan_rows,
};

}  // namespace nearvote::simd

#endif  // arm64

// Runs on every CPU the compiler targets by default (x86-64: SSE2). Vectors of the compiler, no intrinsics.
#include <cstdint>

namespace nearvote::simd {
namespace {

struct Vec {
  typedef float type __attribute__((vector_size(16)));
  typedef float unaligned __attribute__((vector_size(16), aligned(4), may_alias));
  static constexpr int width = 4;
  static type load(const float* p) { return *reinterpret_cast<const unaligned*>(p); }
  static void store(float* p, type v) { *reinterpret_cast<unaligned*>(p) = v; }
  static type broadcast(float x) { return type{x, x, x, x}; }
  static type add(type a, type b) { return a + b; }
  static type subtract(type a, type b) { return a - b; }
  static type multiply_add(type a, type b, type c) { return a * b + c; }
  static type max(type a, type b) { return a > b ? a : b; }
  static type min(type a, type b) { return a < b ? a : b; }
  static uint32_t greater_equal(type a, type b) {
    const auto m = a >= b;
    return static_cast<uint32_t>((m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8));
  }
};
constexpr int kRowsAtOnce = 2;
constexpr int kGroupsAtOnce = 1;

}  // namespace
}  // namespace nearvote::simd

#include "core/simd/impl_canonical.h"
#include "core/simd/impl_product.h"
#include "core/simd/impl_scan_pairs.h"
#include "core/simd/impl_smooth.h"
#include "core/simd/impl_top_k.h"

namespace nearvote::simd {

const Kernels kBaseline = {
    .name = "baseline",
    .precision = Precision::f32,
    .accumulation_error = accumulation_error_f32,
    .scale_row = scale_row,
    .dot = canonical<DotTerm>,
    .squared_distance = canonical<SquareTerm>,
    .dot4 = canonical4<DotTerm>,
    .squared_distance4 = canonical4<SquareTerm>,
    .pack_f32 = pack_f32,
    .product_f32 = product_f32,
    .packed_error = nullptr,
    .coarsest = 0,
    .quantize = nullptr,
    .pack = nullptr,
    .product_packed = nullptr,
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

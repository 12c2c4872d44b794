// NEON, which every arm64 CPU has.
#if defined(__aarch64__)
#include "core/simd/arm64_vec.h"
#include "core/simd/impl_canonical.h"
#include "core/simd/impl_product.h"
#include "core/simd/impl_scan_pairs.h"
#include "core/simd/impl_smooth.h"
#include "core/simd/impl_top_k.h"

namespace nearvote::simd {

const Kernels kNeon = {
    .name = "neon",
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

#endif  // arm64

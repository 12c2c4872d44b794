// The float32 tile product for the vector type Vec of the including file (see lanes_*.h): kRowsAtOnce support rows are
// broadcast against kGroupsAtOnce groups of packed queries, all sums in registers.
#pragma once

#include <cstdint>

#include "core/simd/kernels.h"

namespace nearvote::simd {
namespace {

constexpr int kVectors = kLanes / Vec::width;  // per group

// Piece by piece, so that what is written in strides stays in the first-level cache.
inline void pack_f32(const float* const* rows, int64_t depth, float* packed) {
  constexpr int64_t kPiece = 16;
  for (int64_t begin = 0; begin < depth; begin += kPiece) {
    const int64_t end = begin + kPiece < depth ? begin + kPiece : depth;
    for (int lane = 0; lane < kLanes; ++lane) {
      const float* row = rows[lane];
      if (row == nullptr) {
        for (int64_t k = begin; k < end; ++k) packed[k * kLanes + lane] = 0;
      } else {
        for (int64_t k = begin; k < end; ++k) packed[k * kLanes + lane] = row[k];
      }
    }
  }
}

// Rows beyond row_count are read as the last one and not stored.
template <int Rows, int Groups>
void product_step(const float* const* rows, int64_t row_count, const float* packed, int64_t depth, const float* bias,
                  float* out, int64_t row_stride, int64_t group_stride) {
  constexpr int kColumns = Groups * kVectors;
  const float* row[Rows];
  Vec::type sum[Rows][kColumns];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    const int64_t source = r < row_count ? r : row_count - 1;
    row[r] = rows[source];
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c) sum[r][c] = Vec::broadcast(bias == nullptr ? 0.0f : bias[source]);
  }
  const float* column[Groups];
  for (int g = 0; g < Groups; ++g) column[g] = packed + g * depth * kLanes;
  for (int64_t k = 0; k < depth; ++k) {
    Vec::type y[kColumns];
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c) y[c] = Vec::load(column[c / kVectors] + k * kLanes + c % kVectors * Vec::width);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const Vec::type x = Vec::broadcast(row[r][k]);
#pragma GCC unroll 16
      for (int c = 0; c < kColumns; ++c) sum[r][c] = Vec::multiply_add(x, y[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    if (r >= row_count) break;
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c)
      Vec::store(out + r * row_stride + c / kVectors * group_stride + c % kVectors * Vec::width, sum[r][c]);
  }
}

inline void product_f32(const float* const* rows, int64_t row_count, const float* packed, int64_t groups, int64_t depth,
                        const float* bias, float* out, int64_t row_stride, int64_t group_stride) {
  for (int64_t r = 0; r < row_count; r += kRowsAtOnce) {
    const float* row_bias = bias == nullptr ? nullptr : bias + r;
    int64_t g = 0;
    for (; g + kGroupsAtOnce <= groups; g += kGroupsAtOnce)
      product_step<kRowsAtOnce, kGroupsAtOnce>(rows + r, row_count - r, packed + g * depth * kLanes, depth, row_bias,
                                               out + r * row_stride + g * group_stride, row_stride, group_stride);
    for (; g < groups; ++g)
      product_step<kRowsAtOnce, 1>(rows + r, row_count - r, packed + g * depth * kLanes, depth, row_bias,
                                   out + r * row_stride + g * group_stride, row_stride, group_stride);
  }
}

// A sum of `depth` products, each addition (and without FMA each product) rounded once: gamma_(depth+1), with room for
// the bias and the second-order terms of depth < 2^16.
inline double accumulation_error_f32(int64_t depth) { return static_cast<double>(depth + 8) * 0x1.02p-24; }

}  // namespace
}  // namespace nearvote::simd

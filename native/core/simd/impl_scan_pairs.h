// The epilogue of a set's tile with itself: one score serves two rows.
#pragma once

#include "core/simd/impl_scan.h"

namespace nearvote::simd {
namespace {

// One mask for four rows: a branch per hit instead of one per row.
int64_t scan_pairs(const float* tile, int64_t row_count, const float* lane_bound, const float* lane_bias,
                   const float* row_bound, PairHit* out) {
  PairHit* const begin = out;
  const LaneVector bound = LaneVector::load(lane_bound), bias = LaneVector::load(lane_bias);
  for (int64_t r = 0; r < row_count; r += 4) {
    uint64_t mask = 0;
    for (int64_t i = 0; i < 4 && r + i < row_count; ++i) {
      const LaneVector score = LaneVector::load(tile + (r + i) * kLanes);
      LaneVector other;
      for (int v = 0; v < kVectors; ++v) other.part[v] = Vec::broadcast(row_bound[r + i]);
      mask |= static_cast<uint64_t>(reaches(score, bound) | reaches(score + bias, other)) << (i * kLanes);
    }
    for (; mask != 0; mask &= mask - 1) {
      const int bit = __builtin_ctzll(mask);
      const auto row = static_cast<uint16_t>(r + bit / kLanes), lane = static_cast<uint16_t>(bit % kLanes);
      *out++ = {row, lane, tile[r * kLanes + bit]};
    }
  }
  return out - begin;
}

}  // namespace
}  // namespace nearvote::simd

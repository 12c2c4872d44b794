// The epilogues for the vector type Vec of the including file: what is done with a tile while it is in the cache.
#pragma once

#include <cstdint>

#include "core/simd/kernels.h"

namespace nearvote::simd {
namespace {

struct LaneVector {
  Vec::type part[kVectors];

  static inline __attribute__((always_inline)) LaneVector load(const float* p) {
    LaneVector v;
    for (int i = 0; i < kVectors; ++i) v.part[i] = Vec::load(p + i * Vec::width);
    return v;
  }
  inline __attribute__((always_inline)) void store(float* p) const {
    for (int i = 0; i < kVectors; ++i) Vec::store(p + i * Vec::width, part[i]);
  }
};

inline __attribute__((always_inline)) LaneVector max(const LaneVector& a, const LaneVector& b) {
  LaneVector v;
  for (int i = 0; i < kVectors; ++i) v.part[i] = Vec::max(a.part[i], b.part[i]);
  return v;
}
inline __attribute__((always_inline)) LaneVector operator+(const LaneVector& a, const LaneVector& b) {
  LaneVector v;
  for (int i = 0; i < kVectors; ++i) v.part[i] = Vec::add(a.part[i], b.part[i]);
  return v;
}
inline __attribute__((always_inline)) LaneVector operator-(const LaneVector& a, const LaneVector& b) {
  LaneVector v;
  for (int i = 0; i < kVectors; ++i) v.part[i] = Vec::subtract(a.part[i], b.part[i]);
  return v;
}
// Bit l: a[l] >= b[l].
inline __attribute__((always_inline)) uint32_t reaches(const LaneVector& a, const LaneVector& b) {
  uint32_t mask = 0;
  for (int i = 0; i < kVectors; ++i) mask |= Vec::greater_equal(a.part[i], b.part[i]) << (i * Vec::width);
  return mask;
}

int64_t scan_votes(const float* tile, const BlockVotes* votes, int32_t base, const float* error_lanes, float* lower,
                   Candidate* out) {
  const LaneVector error = LaneVector::load(error_lanes);
  Candidate* const begin = out;
  for (int64_t list = 0; list < votes->lists; ++list) {
    const uint8_t* row = votes->rows + votes->first[list];
    const uint8_t* const end = votes->rows + votes->first[list + 1];
    const uint8_t* r = row;
    LaneVector best = LaneVector::load(tile + *r++ * kLanes);
    if ((end - r) & 1) best = max(best, LaneVector::load(tile + *r++ * kLanes));
    LaneVector other = best;  // a second chain: the latency of max is what bounds this loop
    for (; r < end; r += 2) {
      best = max(best, LaneVector::load(tile + r[0] * kLanes));
      other = max(other, LaneVector::load(tile + r[1] * kLanes));
    }
    best = max(best, other);

    const int32_t cell = votes->cells[list] * kLanes;
    LaneVector bound = LaneVector::load(lower + cell);
    if (reaches(best + error, bound) == 0) continue;
    bound = max(bound, best - error);
    bound.store(lower + cell);
    bound = bound - error;
    for (r = row; r < end; ++r) {
      const float* scores = tile + *r * kLanes;
      for (uint32_t mask = reaches(LaneVector::load(scores), bound); mask != 0; mask &= mask - 1) {
        const int lane = __builtin_ctz(mask);
        *out++ = {base + *r, cell + lane, scores[lane]};
      }
    }
  }
  return out - begin;
}

void scan_rows(const float* tile, int64_t row_count, int32_t base, const float* bound_lanes, int32_t* rows,
               float* scores, int64_t capacity, int32_t* count) {
  const LaneVector bound = LaneVector::load(bound_lanes);
  for (int64_t r = 0; r < row_count; ++r) {
    for (uint32_t mask = reaches(LaneVector::load(tile + r * kLanes), bound); mask != 0; mask &= mask - 1) {
      const int lane = __builtin_ctz(mask);
      const int64_t at = lane * capacity + count[lane]++;
      rows[at] = base + static_cast<int32_t>(r);
      scores[at] = tile[r * kLanes + lane];
    }
  }
}

}  // namespace
}  // namespace nearvote::simd

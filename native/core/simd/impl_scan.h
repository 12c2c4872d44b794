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
inline __attribute__((always_inline)) LaneVector min(const LaneVector& a, const LaneVector& b) {
  LaneVector v;
  for (int i = 0; i < kVectors; ++i) v.part[i] = Vec::min(a.part[i], b.part[i]);
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

// Appends the rows of one chunk that reach the bound. One mask for four rows: a branch per hit instead of one per row.
inline __attribute__((always_inline)) Candidate* collect(const float* tile, const uint16_t* chunk, int rows,
                                                         const LaneVector& bound, int32_t base, int32_t cell,
                                                         Candidate* out) {
  for (int half = 0; half < rows; half += 4) {
    const uint16_t* offsets = chunk + half;
    uint64_t mask = 0;
    for (int i = 0; i < 4; ++i)
      mask |= static_cast<uint64_t>(reaches(LaneVector::load(tile + offsets[i]), bound)) << (i * kLanes);
    if (rows - half < 4) mask &= (uint64_t{1} << ((rows - half) * kLanes)) - 1;  // padding
    for (; mask != 0; mask &= mask - 1) {
      const int bit = __builtin_ctzll(mask);
      const int offset = offsets[bit / kLanes], lane = bit % kLanes;
      *out++ = {base + offset / kLanes, cell + lane, tile[offset + lane]};
    }
  }
  return out;
}

// The transpose of kLanes rows of kLanes lanes.
template <class V>
inline __attribute__((always_inline)) void turn(const float* in, float* out) {
  if constexpr (requires { V::turn(in, out); }) {
    V::turn(in, out);
  } else {
    for (int r = 0; r < kLanes; ++r)
      for (int l = 0; l < kLanes; ++l) out[l * kLanes + r] = in[r * kLanes + l];
  }
}

void turn_tile(const float* tile, int64_t group_stride, int64_t groups, float* out) {
  for (int64_t g = 0; g < groups; ++g) turn<Vec>(tile + g * group_stride, out + g * kLanes * kLanes);
}

void best_of_tile(const float* tile, int64_t group_stride, int64_t groups, int64_t row_count, float* of_groups,
                  float* of_rows) {
  constexpr int kAtOnce = 4;
  const auto lowest = [](float* p) {
    for (int i = 0; i < kLanes; ++i) p[i] = -__builtin_inff();
  };
  for (int64_t g = 0; g < groups; ++g) lowest(of_groups + g * kLanes);
  float wide[kLanes * kLanes], turned[kLanes * kLanes];
  for (int64_t first = 0; first < row_count; first += kLanes) {
    for (int r = 0; r < kLanes; r += kAtOnce) {
      if (first + r >= row_count) {
        for (int i = 0; i < kAtOnce; ++i) lowest(wide + (r + i) * kLanes);
        continue;
      }
      const float* row[kAtOnce];  // the last one again beyond the end
      LaneVector best[kAtOnce];
      for (int i = 0; i < kAtOnce; ++i) {
        row[i] = tile + (first + r + i < row_count ? first + r + i : row_count - 1) * kLanes;
        best[i] = LaneVector::load(row[i]);
      }
      for (int64_t g = 0; g < groups; ++g) {
        LaneVector of_group = LaneVector::load(of_groups + g * kLanes);
        for (int i = 0; i < kAtOnce; ++i) {
          const LaneVector score = LaneVector::load(row[i] + g * group_stride);
          best[i] = max(best[i], score);
          of_group = max(of_group, score);
        }
        of_group.store(of_groups + g * kLanes);
      }
      for (int i = 0; i < kAtOnce; ++i) best[i].store(wide + (r + i) * kLanes);
    }
    turn<Vec>(wide, turned);
    LaneVector best = LaneVector::load(turned);
    for (int l = 1; l < kLanes; ++l) best = max(best, LaneVector::load(turned + l * kLanes));
    best.store(of_rows + first);
  }
}

// Two passes over each list: the largest score, chunk by chunk, then only the chunks that reach the raised bound.
int64_t scan_votes(const float* tile, const BlockVotes* votes, int32_t base, const float* error_lanes, float* lower,
                   Candidate* out) {
  const LaneVector error = LaneVector::load(error_lanes);
  LaneVector chunk_best[kBlockRows / kChunk];
  Candidate* const begin = out;
  const bool look_first = votes->best != nullptr;
  const LaneVector reach = look_first ? LaneVector::load(votes->best) + error : error;
  for (int64_t list = 0; list < votes->lists; ++list) {
    if (look_first && reaches(reach, LaneVector::load(lower + votes->cells[list] * kLanes)) == 0) continue;
    const int64_t chunks = votes->first_chunk[list + 1] - votes->first_chunk[list];
    const uint16_t* const offsets = votes->offsets + votes->first_chunk[list] * kChunk;
    LaneVector best = LaneVector::load(tile + offsets[0]);
    for (int64_t c = 0; c < chunks; ++c) {
      const uint16_t* row = offsets + c * kChunk;
      LaneVector top = max(LaneVector::load(tile + row[0]), LaneVector::load(tile + row[1]));
      LaneVector other = max(LaneVector::load(tile + row[2]), LaneVector::load(tile + row[3]));
      for (int i = 4; i < kChunk; i += 2) {
        top = max(top, LaneVector::load(tile + row[i]));
        other = max(other, LaneVector::load(tile + row[i + 1]));
      }
      chunk_best[c] = max(top, other);
      best = max(best, chunk_best[c]);
    }

    const int32_t cell = votes->cells[list] * kLanes;
    LaneVector bound = LaneVector::load(lower + cell);
    if (reaches(best + error, bound) == 0) continue;
    bound = max(bound, best - error);
    bound.store(lower + cell);
    bound = bound - error;
    for (int64_t c = 0; c < chunks; ++c)
      if (reaches(chunk_best[c], bound) != 0)
        out = collect(tile, offsets + c * kChunk, c + 1 < chunks ? kChunk : votes->last_rows[list], bound, base, cell,
                      out);
  }
  return out - begin;
}

}  // namespace
}  // namespace nearvote::simd

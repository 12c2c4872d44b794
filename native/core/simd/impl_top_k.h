// The epilogues of top-k: which rows of a tile are candidates, and which of those stay when the bound has risen.
#pragma once

#include "core/simd/impl_scan.h"

namespace nearvote::simd {
namespace {

// One mask for four rows: a branch per hit instead of one per row.
void scan_rows(const float* tile, int64_t row_count, int32_t base, const float* bound_lanes, int32_t* rows,
               float* scores, int64_t capacity, int32_t* count) {
  const LaneVector bound = LaneVector::load(bound_lanes);
  for (int64_t r = 0; r < row_count; r += 4) {
    uint64_t mask = 0;
    for (int64_t i = 0; i < 4 && r + i < row_count; ++i)
      mask |= static_cast<uint64_t>(reaches(LaneVector::load(tile + (r + i) * kLanes), bound)) << (i * kLanes);
    for (; mask != 0; mask &= mask - 1) {
      const int bit = __builtin_ctzll(mask), lane = bit % kLanes;
      const int64_t at = lane * capacity + count[lane]++;
      rows[at] = base + static_cast<int32_t>(r) + bit / kLanes;
      scores[at] = tile[r * kLanes + bit];
    }
  }
}

void lowest_of_parts(const float* tile, int64_t row_count, int64_t parts, float* out) {
  LaneVector lowest;
  for (int64_t part = 0; part < parts; ++part) {
    LaneVector best = LaneVector::load(tile + part * kLanes);
    for (int64_t r = part + parts; r < row_count; r += parts) best = max(best, LaneVector::load(tile + r * kLanes));
    lowest = part == 0 ? best : min(lowest, best);
  }
  lowest.store(out);
}

int32_t cut_list(float* scores, int32_t* rows, int64_t count, int64_t k, float slack, float* bound) {
  LaneVector least = LaneVector::load(scores), most = least;
  const int64_t whole = count / kLanes * kLanes;
  const uint32_t rest = (1u << (count - whole)) - 1;
  float low = scores[0], high = scores[0];
  for (int64_t i = whole; i < count; ++i) {
    low = scores[i] < low ? scores[i] : low;
    high = scores[i] > high ? scores[i] : high;
  }
  if (whole > 0) {
    for (int64_t i = kLanes; i < whole; i += kLanes) {
      const LaneVector part = LaneVector::load(scores + i);
      least = min(least, part);
      most = max(most, part);
    }
    float ends[2][kLanes];
    least.store(ends[0]);
    most.store(ends[1]);
    for (int i = 0; i < kLanes; ++i) {
      low = ends[0][i] < low ? ends[0][i] : low;
      high = ends[1][i] > high ? ends[1][i] : high;
    }
  }
  const auto reaching = [&](float value) {
    LaneVector all;
    for (int v = 0; v < kVectors; ++v) all.part[v] = Vec::broadcast(value);
    int found = 0;
    for (int64_t i = 0; i < whole; i += kLanes) found += __builtin_popcount(reaches(LaneVector::load(scores + i), all));
    if (rest != 0) found += __builtin_popcount(reaches(LaneVector::load(scores + whole), all) & rest);
    return found;
  };
  // At least k scores reach `low`.
  for (int step = 0; step < 16; ++step) {
    const float middle = low + (high - low) / 2;
    const int found = reaching(middle);
    if (found < k) {
      high = middle;
    } else {
      low = middle;
      if (found <= k + k / 16) break;
    }
  }
  *bound = low - slack > *bound ? low - slack : *bound;
  int32_t kept = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float score = scores[i];
    rows[kept] = rows[i];
    scores[kept] = score;
    kept += score >= *bound;
  }
  return kept;
}

}  // namespace
}  // namespace nearvote::simd

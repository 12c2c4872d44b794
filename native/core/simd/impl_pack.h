// Queries as the right operand of a product of rounded values: units of four bytes (two bf16 or four int8 values of one
// row), 16 rows side by side; the transpose of a panel step in such units.
#pragma once

#include <cstdint>

#include "core/simd/kernels.h"

namespace nearvote::simd {
namespace {

// Every unit is cut to Mask, then exclusive-ored with Flip: with 0x80808080 int8 values become unsigned ones, larger by
// 128; values of 7 bits, larger by 64 with the mask 0x7f7f7f7f and 0x40404040.
template <uint32_t Mask, uint32_t Flip>
void pack_lines(const uint8_t* panel, int64_t steps, uint8_t* packed) {
  typedef uint32_t Unit __attribute__((may_alias));
  for (int64_t step = 0; step < steps; ++step) {
    const Unit* source = reinterpret_cast<const Unit*>(panel + step * kPanelStep);
    Unit* target = reinterpret_cast<Unit*>(packed + step * kPanelStep);
    for (int unit = 0; unit < kLineBytes / 4; ++unit)
      for (int lane = 0; lane < kLanes; ++lane)
        target[unit * kLanes + lane] = (source[lane * (kLineBytes / 4) + unit] & Mask) ^ Flip;
  }
}

}  // namespace
}  // namespace nearvote::simd

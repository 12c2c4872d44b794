// Queries as the right operand of a product of rounded values: units of four bytes (two bf16 or four int8 values of one
// row), 16 rows side by side; the transpose of a panel step in such units.
#pragma once

#include <cstdint>

#include "core/simd/kernels.h"

namespace nearvote::simd {
namespace {

// Flip: exclusive-ored into every unit; 0x80808080 turns int8 values into unsigned ones, larger by 128.
template <uint32_t Flip>
void pack_lines(const uint8_t* panel, int64_t steps, uint8_t* packed) {
  typedef uint32_t Unit __attribute__((may_alias));
  for (int64_t step = 0; step < steps; ++step) {
    const Unit* source = reinterpret_cast<const Unit*>(panel + step * kPanelStep);
    Unit* target = reinterpret_cast<Unit*>(packed + step * kPanelStep);
    for (int unit = 0; unit < kLineBytes / 4; ++unit)
      for (int lane = 0; lane < kLanes; ++lane)
        target[unit * kLanes + lane] = source[lane * (kLineBytes / 4) + unit] ^ Flip;
  }
}

}  // namespace
}  // namespace nearvote::simd

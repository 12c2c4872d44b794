// Two 16-bit codes in one word.
#pragma once

#include <cstdint>

#include "core/device/hd.h"

namespace nearvote::device {

NEARVOTE_HD uint32_t pack(uint32_t low, uint32_t high) { return low | high << 16; }
NEARVOTE_HD uint32_t half_word(uint32_t word, int half) { return half == 0 ? word & 0xffffu : word >> 16; }

NEARVOTE_HD uint32_t packed_max(uint32_t a, uint32_t b) {
#if defined(__CUDA_ARCH__)
  return __vmaxu2(a, b);
#else
  const uint32_t low = (a & 0xffffu) > (b & 0xffffu) ? a : b, high = (a >> 16) > (b >> 16) ? a : b;
  return (low & 0xffffu) | (high & 0xffff0000u);
#endif
}

// 0xffff in every half where a >= b.
NEARVOTE_HD uint32_t packed_reaches(uint32_t a, uint32_t b) {
#if defined(__CUDA_ARCH__)
  return __vcmpgeu2(a, b);
#else
  return ((a & 0xffffu) >= (b & 0xffffu) ? 0xffffu : 0) | ((a >> 16) >= (b >> 16) ? 0xffff0000u : 0);
#endif
}

NEARVOTE_HD uint32_t saturating_sub(uint32_t a, uint32_t b) { return a > b ? a - b : 0; }

}  // namespace nearvote::device

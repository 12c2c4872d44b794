// Portable plane kernels. x86-64 without extensions has no popcount instruction, so it is spelled out in a form that
// SSE2 and NEON vectorise (Warren, Hacker's Delight, section 5-1).
#include <cstdint>

namespace {

inline uint64_t popcount_word(uint64_t x) {
  x -= (x >> 1) & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  x += x >> 8;
  x += x >> 16;
  return (x + (x >> 32)) & 0x7f;
}

}  // namespace

#define NEARVOTE_POPCOUNT(word) popcount_word(word)
#include "core/votes/plane_kernels.inl"

namespace nearvote {

extern const PlaneKernels kPlaneKernelsBaseline;
const PlaneKernels kPlaneKernelsBaseline{"baseline", pack, joint, overlap};

}  // namespace nearvote

// The portable plane kernels compiled for AVX2 with the POPCNT instruction (one 64-bit word a cycle).
#ifdef __AVX2__
#include <cstdint>

#define NEARVOTE_POPCOUNT(word) __builtin_popcountll(word)
#include "core/votes/plane_kernels.inl"

namespace nearvote {

extern const PlaneKernels kPlaneKernelsAvx2;
const PlaneKernels kPlaneKernelsAvx2{"avx2", pack, joint, overlap};

}  // namespace nearvote
#endif

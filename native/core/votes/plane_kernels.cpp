#include "core/votes/plane_kernels.h"

#include <cstdlib>
#include <cstring>

namespace nearvote {

extern const PlaneKernels kPlaneKernelsBaseline;
extern const PlaneKernels kPlaneKernelsAvx2;
extern const PlaneKernels kPlaneKernelsAvx512;

namespace {

#if defined(__x86_64__)
bool runs_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"); }
bool runs_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

const PlaneKernels& choose() {
  const char* forced = std::getenv("NEARVOTE_ISA");
  const auto is = [forced](const char* isa) { return std::strcmp(forced, isa) == 0; };
  const bool any = forced == nullptr;
  const PlaneKernels* avx512 = plane_kernels_for("avx512");
  const PlaneKernels* avx2 = plane_kernels_for("avx2");
  if (avx512 != nullptr && (any || is("avx512") || is("avx512_vnni") || is("amx"))) return *avx512;
  if (avx2 != nullptr && (any || is("avx2"))) return *avx2;
  return kPlaneKernelsBaseline;
}

}  // namespace

const PlaneKernels* plane_kernels_for(const char* isa) {
  if (std::strcmp(isa, "baseline") == 0) return &kPlaneKernelsBaseline;
#if defined(__x86_64__)
  if (std::strcmp(isa, "avx2") == 0 && runs_avx2()) return &kPlaneKernelsAvx2;
  if (std::strcmp(isa, "avx512") == 0 && runs_avx512()) return &kPlaneKernelsAvx512;
#endif
  return nullptr;
}

const PlaneKernels& plane_kernels() {
  static const PlaneKernels& chosen = choose();
  return chosen;
}

}  // namespace nearvote

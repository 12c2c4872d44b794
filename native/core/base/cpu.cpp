#include "core/base/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace nearvote {
namespace {

#if defined(__x86_64__)
uint64_t enabled_state() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

CpuFeatures probe() {
  CpuFeatures features;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return features;
  const bool xsave = (c & bit_OSXSAVE) != 0, fma = (c & bit_FMA) != 0;
  if (!xsave || !fma || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return features;
  const uint64_t state = enabled_state();
  const auto has_state = [&](uint64_t bits) { return (state & bits) == bits; };
  features.avx2 = (b & bit_AVX2) != 0 && has_state(0x6);  // xmm, ymm
  const uint32_t avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  features.avx512 = features.avx2 && (b & avx512) == avx512 && has_state(0xe6);  // and mask, zmm registers
  features.avx512_vnni = features.avx512 && (c & bit_AVX512VNNI) != 0;
  const uint32_t amx = 1u << 22 | 1u << 24 | 1u << 25;                       // AMX-BF16, AMX-TILE, AMX-INT8
  features.amx = features.avx512 && (d & amx) == amx && has_state(0x60000);  // tile configuration and data
  return features;
}
#elif defined(__aarch64__) && defined(__APPLE__)
CpuFeatures probe() { return {.dot_product = true}; }
#elif defined(__aarch64__) && defined(__linux__)
CpuFeatures probe() { return {.dot_product = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0}; }
#else
CpuFeatures probe() { return {}; }
#endif

bool request_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return cpu_features().amx && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = probe();
  return features;
}

bool enable_amx() {
  static const bool enabled = request_tiles();
  return enabled;
}

}  // namespace nearvote

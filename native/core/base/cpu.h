// What this CPU can run and the operating system lets it run.
#pragma once

namespace nearvote {

struct CpuFeatures {
  bool avx2 = false;         // with FMA
  bool avx512 = false;       // F, BW, DQ, VL
  bool avx512_vnni = false;  // with the above
  bool amx = false;          // bf16 and int8, with AVX-512; the tile registers still have to be asked for
  bool dot_product = false;  // arm64
};

const CpuFeatures& cpu_features();

// Asks the kernel for the AMX tile registers, once per process (they are off by default because they enlarge every
// signal frame). False where the CPU has none or the kernel refuses.
bool enable_amx();

}  // namespace nearvote

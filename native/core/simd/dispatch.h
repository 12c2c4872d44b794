// Which instruction set the kernels use: the best one that the CPU and the operating system allow, chosen once, or the
// one named by the environment variable NEARVOTE_ISA (baseline, avx2, avx512, avx512_vnni, amx, neon, neon_dot). No
// choice changes the result of a search; float32 matrices differ between choices within their bound.
#pragma once

#include <string>
#include <vector>

#include "core/simd/kernels.h"

namespace nearvote {

std::string active_isa();                // throws InvalidArgument when NEARVOTE_ISA names none of usable_isas()
std::vector<std::string> usable_isas();  // slowest first; the baseline is always there

namespace simd {

// The table of active_isa().
const Kernels& active_kernels();

// For tests: the table that embedding sets built from now on use; null restores the choice by CPU and environment.
void use_kernels(const Kernels* kernels);
const Kernels* find_kernels(const std::string& name);  // null when not usable here

}  // namespace simd
}  // namespace nearvote

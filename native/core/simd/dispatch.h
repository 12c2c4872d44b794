// Which instruction set the kernels use: the best one the CPU and the operating system allow, chosen once, or the one
// named by the environment variable NEARVOTE_ISA (baseline, avx2, avx512, amx, neon).
#pragma once

#include <string>
#include <vector>

namespace nearvote {

std::string active_isa();
std::vector<std::string> usable_isas();  // slowest first; the baseline is always there

}  // namespace nearvote

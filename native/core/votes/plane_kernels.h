// The two inner loops over bit planes, one table of them per instruction set, chosen once at run time.
// A plane is a run of uint64 words: bit r of word w stands for row 64 w + r. Counts are exact on every path.
#pragma once

#include <cstdint>

namespace nearvote {

struct PlaneKernels {
  const char* isa;

  // Packs `rows` rows of `lfs` valid votes; plane (lf, class) starts at planes + (lf * classes + class) * stride and
  // marks the votes equal to class_votes[class].
  // Writes ceil(rows / 64) words of each plane, bits past the last row zero.
  void (*pack)(const int8_t* votes, int64_t rows, int64_t lfs, const int8_t* class_votes, int classes, uint64_t* planes,
               int64_t stride);

  // For all a <= b < count: joint[index[a] * ld + index[b]] += popcount(planes[a] & planes[b]) over `words` words.
  // index ascends, so only the upper triangle is written.
  void (*joint)(const uint64_t* const* planes, const int32_t* index, int64_t count, int64_t words, int64_t* joint,
                int64_t ld);

  // popcount(a & b) over `words` words.
  int64_t (*overlap)(const uint64_t* a, const uint64_t* b, int64_t words);
};

// The fastest table this CPU runs; NEARVOTE_ISA (baseline, avx2, avx512, amx) lowers it.
const PlaneKernels& plane_kernels();

// By name, for tests; nullptr where this CPU or this build lacks it.
const PlaneKernels* plane_kernels_for(const char* isa);

}  // namespace nearvote

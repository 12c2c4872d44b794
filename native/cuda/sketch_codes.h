// The end of a product, the same for every instruction: a thread's sums become codes and go to memory.
#pragma once

#include "core/device/layout.h"
#include "core/device/packed.h"
#include "cuda/sketch.h"

namespace nearvote::cuda {

// The codes of 64 queries and of the support rows first_position + 8 r + g, r < Rows, that this thread holds, of the
// queries 8 n + 2 t and + 1, n < 8. sum_of(r, n, i): the raw sum of row r and query 8 n + 2 t + i. `filters`: of the
// 64 queries; `out`: their codes.
template <int Size, int Rows, class SumOf>
__device__ inline void write_codes(const float2 (&place)[Rows], const device::QueryFilter* filters,
                                   int64_t first_position, int g, int t, uint32_t* out, SumOf&& sum_of) {
  constexpr int kGroups = Rows / Size;
  uint32_t words[kGroups][8];
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    uint32_t code[2][kGroups];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const float4 filter = *reinterpret_cast<const float4*>(filters + n * 8 + 2 * t + i);
#pragma unroll
      for (int group = 0; group < kGroups; ++group) {
        float largest = 0;
#pragma unroll
        for (int member = 0; member < Size; ++member) {
          const int r = group * Size + member;
          const float score = device::filter_score(sum_of(r, n, i), filter.x, place[r].x, place[r].y);
          largest = member == 0 ? score : fmaxf(largest, score);
        }
        code[i][group] = device::code_of(largest, filter.y, filter.z);
      }
    }
#pragma unroll
    for (int group = 0; group < kGroups; ++group) words[group][n] = device::pack(code[0][group], code[1][group]);
  }
#pragma unroll
  for (int group = 0; group < kGroups; ++group) {
    const int64_t at = device::group_of(first_position, Size) + group * 8 + g;
    auto* to = reinterpret_cast<uint4*>(out + at * device::kWords + t * 8);
    to[0] = make_uint4(words[group][0], words[group][1], words[group][2], words[group][3]);
    to[1] = make_uint4(words[group][4], words[group][5], words[group][6], words[group][7]);
  }
}

}  // namespace nearvote::cuda

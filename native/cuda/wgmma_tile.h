// Shared-memory layout and arithmetic of the wgmma product. A stage holds three boxes of 128 rows x 64 halves, as the
// tensor copy engine writes them with its 128-byte swizzle: the block's support rows, then its 256 queries in two. Two
// warpgroups multiply; each takes all 128 support rows, as two products of 64 rows, and one box of queries.
#pragma once

#include <cstdint>

#include "core/device/hd.h"

namespace nearvote::cuda {

constexpr int kSliceDepth = 64;  // halves of a row per stage: 128 bytes, the width of the swizzle
constexpr int kBoxRows = 128;
constexpr int kBoxBytes = kBoxRows * kSliceDepth * 2;
constexpr int kBoxes = 3;
constexpr int kSliceStages = 4;
constexpr int kSliceBytes = kBoxes * kBoxBytes;
constexpr int kBlockQueries = 2 * kBoxRows;
constexpr int kRowGroupBytes = 8 * 128;  // eight rows: one repetition of the swizzle

// Shared-memory matrix descriptor (PTX ISA, wgmma): 64 or 128 rows of 16 halves each, contiguous in k, under the
// 128-byte swizzle. `address`: of the first row, in a box that starts at a multiple of 1024; `group_stride`: bytes from
// one group of eight rows to the next. Bits 0-13 the address, 32-45 the stride, both in units of 16 bytes; 16-29 a
// leading stride that swizzled layouts ignore (1 by convention); 62-63 the swizzle, 1 for 128 bytes.
NEARVOTE_HD uint64_t matrix_descriptor(uint32_t address, uint32_t group_stride) {
  return static_cast<uint64_t>((address & 0x3ffffu) >> 4) | uint64_t{1} << 16 |
         static_cast<uint64_t>(group_stride >> 4) << 32 | uint64_t{1} << 62;
}

// Product m of a warpgroup takes every other group of eight support rows, from m on: then the four rows g, g + 8, ..
// of a slab of 32 end in one thread, as the groups of core/device/layout.h want it.
NEARVOTE_HD uint64_t support_descriptor(uint32_t box, int product) {
  return matrix_descriptor(box + static_cast<uint32_t>(product) * kRowGroupBytes, 2 * kRowGroupBytes);
}
NEARVOTE_HD uint64_t query_descriptor(uint32_t box) { return matrix_descriptor(box, kRowGroupBytes); }

// Added to a descriptor to go 16 halves further in k, within the 128 bytes of a row.
constexpr uint64_t kNextDepth = 16 * 2 >> 4;

// A thread's accumulators of one product: 64 floats; 4 j + 2 h + i is row 16 warp + 8 h + g, column 8 j + 2 t + i, with
// warp = 0..3, g = lane / 4, t = lane % 4. Support row of the box for (warp, member = 2 h + product, g):
NEARVOTE_HD int support_row(int warp, int member, int g) { return warp * 32 + member * 8 + g; }
NEARVOTE_HD int accumulator(int column_group, int half, int i) { return column_group * 4 + half * 2 + i; }

// Where a producer or a consumer stands in the ring of stages, and the parity of that stage's barriers.
struct Turn {
  int stage = 0;
  uint32_t phase = 0;
  NEARVOTE_HD void advance() {
    if (++stage < kSliceStages) return;
    stage = 0;
    phase ^= 1;
  }
};

}  // namespace nearvote::cuda

// Shared-memory layout of the mma.sync product: a stage holds 128 rows of 32 halves per operand, 64 bytes a row in four
// 16-byte chunks. Chunk c of row r stands at place c ^ (r / 2 % 4), so that the eight rows of an ldmatrix phase, and
// the eight chunks that eight neighbouring threads copy, fall into different banks.
#pragma once

#include "core/device/hd.h"

namespace nearvote::cuda {

constexpr int kStageDepth = 32;  // halves of a row per stage
constexpr int kStages = 4;
constexpr int kOperandBytes = 128 * kStageDepth * 2;
constexpr int kStageBytes = 2 * kOperandBytes;

NEARVOTE_HD int chunk_offset(int row, int chunk) { return row * 64 + ((chunk ^ (row >> 1 & 3)) << 4); }

}  // namespace nearvote::cuda

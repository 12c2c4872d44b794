// Which groups of a tile hold voters of a cell: per tile of 64 groups and cell two words, bit g of word w for group
// 32 w + g of the tile. cell = (lf - first_lf) * classes_per_lf + class.
#pragma once

#include "cuda/platform.h"

namespace nearvote::cuda {

struct VoteMaskArgs {
  const int32_t* order;  // position -> support row or -1
  int64_t groups;
  int32_t group_size;
  const int8_t* votes;  // support rows x lfs, classes 1..K
  int64_t lfs, first_lf;
  int32_t lf_count, classes_per_lf;
  uint2* all;  // tiles x cells: every row of the group votes in the cell, so that its largest code is a voter's
  uint2* any;  // tiles x cells: at least one does; the same as `all` for groups of one, then null
};
void mask_voters(const VoteMaskArgs& args, cudaStream_t stream);

}  // namespace nearvote::cuda

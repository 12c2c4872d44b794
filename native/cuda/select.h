// Which groups of support rows may hold an answer: everything a query has to look at again with canonical scores.
#pragma once

#include "core/device/filter_code.h"
#include "core/device/layout.h"
#include "cuda/platform.h"

namespace nearvote::cuda {

// Groups opened per query: the first `capacity` are listed; a larger count means that the query is decided without the
// filter. Their order changes from run to run, the results never.
struct OpenedGroups {
  int32_t* count;   // per query of the chunk, cleared before
  int32_t* groups;  // queries x capacity
  int32_t capacity;
};

constexpr int kMaxCells = 256;  // of one range of LFs

// --- the nearest voter of every cell ---
struct SelectVotersArgs {
  const uint32_t* codes;
  int64_t groups;
  int64_t query_blocks;    // of 64; the chunk's padding included
  const uint2 *all, *any;  // vote_masks.h
  int32_t cells, classes_per_lf;
  int32_t segments;  // parts the groups are cut into
  uint32_t* best;    // query blocks x segments x cells x 32 words
  // Of the chunk:
  const device::QueryFilter* filters;
  const uint8_t* zero;      // 1: the query takes no votes
  const int8_t* votes;      // queries x lfs
  int64_t query_count;      // real ones
  int64_t lfs, first_lf;    // the range's first LF
  const double* least_key;  // per LF; may be null
  int32_t l2;
  OpenedGroups opened;
};
void select_voters(const SelectVotersArgs& args, cudaStream_t stream);

// --- the k nearest rows ---
struct SelectTopKArgs {
  const uint32_t* codes;
  int64_t groups;
  int64_t query_blocks;
  int64_t query_count;
  const device::QueryFilter* filters;
  int32_t k;
  OpenedGroups opened;
};
void select_top_k(const SelectTopKArgs& args, cudaStream_t stream);

}  // namespace nearvote::cuda

// Decides by canonical keys among the rows of the opened groups, or among all rows where the filter could not narrow
// them down.
#pragma once

#include "core/device/device_api.h"
#include "cuda/select.h"

namespace nearvote::cuda {

// The queries of a chunk against placed support rows.
struct DecideArgs {
  const float* queries;  // of the chunk's first query on
  const float* support;
  int64_t dims, query_stride, support_stride;
  int32_t l2;
  const int32_t* order;  // position -> support row or -1
  int64_t positions;
  int32_t group_size;
  int64_t query_count;
  OpenedGroups opened;  // count null: all groups of every query
};

struct DecideVotersArgs {
  DecideArgs rows;
  const uint8_t* zero;  // as in SelectVotersArgs
  const int8_t* votes;
  const int8_t* support_votes;  // support x lfs, classes 1..K
  int64_t lfs, first_lf;
  int32_t lf_count, classes_per_lf;
  int64_t all_cells;        // cells per query of `winners`
  NearvoteWinner* winners;  // queries x all_cells; those of the range are written
};
void decide_voters(const DecideVotersArgs& args, cudaStream_t stream);

struct DecideTopKArgs {
  DecideArgs rows;
  int32_t k;
  int32_t* out_rows;  // queries x k
  double* out_keys;
};
void decide_top_k(const DecideTopKArgs& args, cudaStream_t stream);

}  // namespace nearvote::cuda

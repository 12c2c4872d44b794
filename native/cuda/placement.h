// How the searched support rows are laid out: in groups that share a code, for voters sorted by vote pattern. Plain
// host code; a layout never changes a result.
#pragma once

#include <cstdint>
#include <vector>

#include "core/device/device_api.h"

namespace nearvote::cuda {

// Positions of rows: position -> support row, -1 beyond them. A multiple of 128 positions.
struct Placement {
  int group_size = 1;
  std::vector<int32_t> order;
  int64_t groups() const { return static_cast<int64_t>(order.size()) / group_size; }
};

// Sorted by pattern, rarest LF first (by as many LFs as fit into 64 bits), in groups of four where nearly every vote
// shares its group with three others of its cell; groups of one otherwise. A group of four needs a quarter of the
// memory and the scan of codes.
Placement place_voters(const NearvoteVotersArgs& args);

// Rows 0 .. rows - 1 in their own order.
Placement place_rows(int64_t rows, int group_size);

}  // namespace nearvote::cuda

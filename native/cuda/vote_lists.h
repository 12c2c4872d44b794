// How the searched support rows are laid out for a search of voters: sorted by vote pattern, in groups that share a
// code, and per tile of groups the lists of groups with voters of a cell. Plain host code.
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

// Sorted by pattern, rarest LF first, in groups of four where nearly every vote shares its group with three others of
// its cell; groups of one otherwise. A group of four needs a quarter of the memory and the scan of codes.
Placement place_voters(const NearvoteVotersArgs& args);

// Rows 0 .. rows - 1 in their own order.
Placement place_rows(int64_t rows, int group_size);

// The lists of one range of LFs. Tile t has the lists first_list[t] .. first_list[t + 1]; list i belongs to cell
// cells[i] and holds the groups groups[first[i]] .. groups[first[i + 1]], relative to the tile, ascending.
struct GroupLists {
  std::vector<int32_t> first_list, cells, first;
  std::vector<uint8_t> groups;
};

enum class Voters {
  all,  // groups whose rows all vote in the cell: the largest code is a voter's
  any   // groups with at least one voter of the cell
};

// cell = (lf - first_lf) * classes_per_lf + class.
GroupLists list_groups(const Placement& placement, const NearvoteVotersArgs& args, int64_t first_lf, int64_t end_lf,
                       Voters voters);

}  // namespace nearvote::cuda

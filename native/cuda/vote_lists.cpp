#include "cuda/vote_lists.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/device/layout.h"

namespace nearvote::cuda {
namespace {

// Rows of a group, -1 included.
template <class Body>
void for_each_row(const Placement& placement, int64_t group, Body&& body) {
  for (int member = 0; member < placement.group_size; ++member) {
    const int32_t row = placement.order[static_cast<size_t>(device::position_in(group, member, placement.group_size))];
    if (row >= 0) body(row);
  }
}

Placement place(const std::vector<int32_t>& sorted, int group_size) {
  Placement out;
  out.group_size = group_size;
  const auto rows = static_cast<int64_t>(sorted.size());
  out.order.assign(static_cast<size_t>((rows + device::kTileRows - 1) / device::kTileRows * device::kTileRows), -1);
  for (int64_t i = 0; i < rows; ++i)
    out.order[static_cast<size_t>(device::position_in(i / group_size, static_cast<int>(i % group_size), group_size))] =
        sorted[static_cast<size_t>(i)];
  return out;
}

}  // namespace

Placement place_rows(int64_t rows, int group_size) {
  std::vector<int32_t> sorted(static_cast<size_t>(rows));
  std::iota(sorted.begin(), sorted.end(), 0);
  return place(sorted, group_size);
}

Placement place_voters(const NearvoteVotersArgs& args) {
  const int64_t lfs = args.lfs;
  std::vector<int64_t> coverage(static_cast<size_t>(lfs));
  std::vector<int32_t> sorted(args.searched, args.searched + args.searched_rows);
  for (const int32_t row : sorted)
    for (int64_t lf = 0; lf < lfs; ++lf) coverage[static_cast<size_t>(lf)] += args.support_votes[row * lfs + lf] != 0;
  std::vector<int64_t> rarest(static_cast<size_t>(lfs));
  std::iota(rarest.begin(), rarest.end(), 0);
  std::stable_sort(rarest.begin(), rarest.end(), [&](int64_t a, int64_t b) {
    return coverage[static_cast<size_t>(a)] < coverage[static_cast<size_t>(b)];
  });
  // The votes of every row with the rarest LF first, so that a comparison is one memcmp.
  std::vector<uint8_t> patterns(static_cast<size_t>(args.searched_rows * lfs));
  for (int64_t i = 0; i < args.searched_rows; ++i)
    for (int64_t j = 0; j < lfs; ++j)
      patterns[static_cast<size_t>(i * lfs + j)] = static_cast<uint8_t>(
          args.support_votes[sorted[static_cast<size_t>(i)] * lfs + rarest[static_cast<size_t>(j)]]);
  const auto pattern = [&](int32_t i) { return patterns.data() + static_cast<int64_t>(i) * lfs; };
  std::vector<int32_t> by_pattern(sorted.size());
  std::iota(by_pattern.begin(), by_pattern.end(), 0);
  std::stable_sort(by_pattern.begin(), by_pattern.end(),
                   [&](int32_t a, int32_t b) { return memcmp(pattern(a), pattern(b), static_cast<size_t>(lfs)) > 0; });
  int64_t votes = 0, alike = 0;
  constexpr int64_t kGroup = 4;
  const auto rows = static_cast<int64_t>(by_pattern.size());
  for (int64_t first = 0; first < rows; first += kGroup) {
    const int64_t end = std::min(rows, first + kGroup);
    for (int64_t j = 0; j < lfs; ++j) {
      int64_t here = 0;
      bool same = true;
      const uint8_t of_first = pattern(by_pattern[static_cast<size_t>(first)])[j];
      for (int64_t i = first; i < end; ++i) {
        const uint8_t vote = pattern(by_pattern[static_cast<size_t>(i)])[j];
        here += vote != 0;
        same = same && vote == of_first;
      }
      votes += here;
      if (same) alike += here;
    }
  }
  for (int32_t& i : by_pattern) i = sorted[static_cast<size_t>(i)];
  return place(by_pattern, alike * 10 >= votes * 9 ? 4 : 1);
}

GroupLists list_groups(const Placement& placement, const NearvoteVotersArgs& args, int64_t first_lf, int64_t end_lf,
                       Voters voters) {
  const int64_t classes = args.classes_per_lf, cells = (end_lf - first_lf) * classes;
  std::vector<std::vector<uint8_t>> lists(static_cast<size_t>(cells));
  std::vector<int> count(static_cast<size_t>(cells));
  std::vector<int32_t> touched, voted;
  GroupLists out;
  out.first_list.push_back(0);
  out.first.push_back(0);
  for (int64_t tile = 0; tile < placement.groups(); tile += device::kListTile) {
    const int64_t end = std::min<int64_t>(placement.groups(), tile + device::kListTile);
    for (int64_t group = tile; group < end; ++group) {
      int rows = 0;
      for_each_row(placement, group, [&](int32_t row) {
        ++rows;
        const int8_t* votes = args.support_votes + row * args.lfs;
        for (int64_t lf = first_lf; lf < end_lf; ++lf) {
          if (votes[lf] == 0) continue;
          const auto cell = static_cast<int32_t>((lf - first_lf) * classes + (classes == 1 ? 0 : votes[lf] - 1));
          if (count[static_cast<size_t>(cell)]++ == 0) voted.push_back(cell);
        }
      });
      for (const int32_t cell : voted) {
        auto& list = lists[static_cast<size_t>(cell)];
        if (voters == Voters::any || count[static_cast<size_t>(cell)] == rows) {
          if (list.empty()) touched.push_back(cell);
          list.push_back(static_cast<uint8_t>(group - tile));
        }
        count[static_cast<size_t>(cell)] = 0;
      }
      voted.clear();
    }
    std::sort(touched.begin(), touched.end());
    for (const int32_t cell : touched) {
      auto& list = lists[static_cast<size_t>(cell)];
      out.cells.push_back(cell);
      out.groups.insert(out.groups.end(), list.begin(), list.end());
      out.first.push_back(static_cast<int32_t>(out.groups.size()));
      list.clear();
    }
    touched.clear();
    out.first_list.push_back(static_cast<int32_t>(out.cells.size()));
  }
  return out;
}

}  // namespace nearvote::cuda

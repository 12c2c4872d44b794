#include "cuda/placement.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "core/device/layout.h"

namespace nearvote::cuda {
namespace {

struct Keyed {
  uint64_t key;
  int32_t row;
};

// Stable, ascending by key: byte after byte, bytes that all keys share left out.
void sort_by_key(std::vector<Keyed>& rows) {
  std::vector<Keyed> other(rows.size());
  for (int shift = 0; shift < 64; shift += 8) {
    std::array<size_t, 257> first{};
    for (const Keyed& row : rows) ++first[(row.key >> shift & 255) + 1];
    if (std::find(first.begin(), first.end(), rows.size()) != first.end()) continue;
    std::partial_sum(first.begin(), first.end(), first.begin());
    for (const Keyed& row : rows) other[first[row.key >> shift & 255]++] = row;
    rows.swap(other);
  }
}

// Where a cell is an LF only whether a row votes counts, else its class as well.
int bits_per_vote(const NearvoteVotersArgs& args) {
  return args.classes_per_lf == 1 ? 1 : std::bit_width(static_cast<unsigned>(args.classes_per_lf));
}

// LFs by ascending coverage.
std::vector<int64_t> rarest_first(const NearvoteVotersArgs& args) {
  std::vector<int32_t> coverage(static_cast<size_t>(args.lfs));
  for (int64_t i = 0; i < args.searched_rows; ++i) {
    const int8_t* votes = args.support_votes + args.searched[i] * args.lfs;
    for (int64_t lf = 0; lf < args.lfs; ++lf) coverage[static_cast<size_t>(lf)] += votes[lf] != 0;
  }
  std::vector<int64_t> rarest(static_cast<size_t>(args.lfs));
  std::iota(rarest.begin(), rarest.end(), 0);
  std::stable_sort(rarest.begin(), rarest.end(), [&](int64_t a, int64_t b) {
    return coverage[static_cast<size_t>(a)] < coverage[static_cast<size_t>(b)];
  });
  return rarest;
}

// Of a sample of groups of four neighbours: do nine of ten votes have three like them beside them?
bool neighbours_are_alike(const NearvoteVotersArgs& args, const std::vector<Keyed>& sorted) {
  constexpr size_t kSample = 2048;
  const bool by_class = args.classes_per_lf > 1;
  const size_t groups = sorted.size() / 4, step = std::max<size_t>(1, groups / kSample);
  int64_t votes = 0, alike = 0;
  for (size_t group = 0; group < groups; group += step)
    for (int64_t lf = 0; lf < args.lfs; ++lf) {
      const auto vote_of = [&](size_t member) {
        const int8_t vote = args.support_votes[sorted[group * 4 + member].row * args.lfs + lf];
        return by_class ? static_cast<int>(vote) : static_cast<int>(vote != 0);
      };
      int here = 0;
      bool same = true;
      for (size_t member = 0; member < 4; ++member) {
        here += vote_of(member) != 0;
        same = same && vote_of(member) == vote_of(0);
      }
      votes += here;
      if (same) alike += here;
    }
  return alike * 10 >= votes * 9;
}

template <class RowAt>
Placement place(int64_t rows, int group_size, RowAt&& row_at) {
  Placement out;
  out.group_size = group_size;
  out.order.assign(static_cast<size_t>((rows + device::kTileRows - 1) / device::kTileRows * device::kTileRows), -1);
  for (int64_t i = 0; i < rows; ++i)
    out.order[static_cast<size_t>(device::position_in(i / group_size, static_cast<int>(i % group_size), group_size))] =
        row_at(i);
  return out;
}

}  // namespace

Placement place_rows(int64_t rows, int group_size) {
  return place(rows, group_size, [](int64_t i) { return static_cast<int32_t>(i); });
}

Placement place_voters(const NearvoteVotersArgs& args) {
  const int bits = bits_per_vote(args);
  std::vector<int64_t> lfs = rarest_first(args);
  lfs.resize(std::min<size_t>(lfs.size(), static_cast<size_t>(64 / bits)));
  std::vector<Keyed> rows(static_cast<size_t>(args.searched_rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    const int32_t row = args.searched[i];
    const int8_t* votes = args.support_votes + row * args.lfs;
    uint64_t key = 0;
    for (const int64_t lf : lfs)
      key = key << bits | (bits == 1 ? uint64_t{votes[lf] != 0} : static_cast<uint64_t>(votes[lf]));
    rows[i] = {~key, row};  // descending: voters of the rarest LF lead
  }
  sort_by_key(rows);
  return place(args.searched_rows, neighbours_are_alike(args, rows) ? 4 : 1,
               [&](int64_t i) { return rows[static_cast<size_t>(i)].row; });
}

}  // namespace nearvote::cuda

#include "core/session/suggest.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/session/closeness.h"

namespace nearvote {
namespace {

constexpr int64_t kLeastDisagreements = 3, kLeastRegion = 5;
constexpr double kDeviations = 3;
constexpr int64_t kNeighbors = 64;  // entries of a list that a row may follow
constexpr int64_t kUsual = 5;       // nearest entries that say how far neighbours are
constexpr double kFollow = 0.5;     // of their mean closeness

std::vector<int32_t> disagreements(const SessionState& state, int64_t a, int64_t b, int64_t count) {
  std::vector<int32_t> rows;
  const auto &first = state.lfs[static_cast<size_t>(a)]->votes(), &second = state.lfs[static_cast<size_t>(b)]->votes();
  for (int64_t row = 0; row < first.size() && static_cast<int64_t>(rows.size()) < count; ++row)
    if (first[row] != 0 && second[row] != 0 && first[row] != second[row]) rows.push_back(static_cast<int32_t>(row));
  return rows;
}

// 1 where no labelling function votes.
std::vector<uint8_t> uncovered_rows(const SessionState& state) {
  const auto rows = static_cast<size_t>(state.rows());
  std::vector<uint8_t> uncovered(rows, 1);
  if (!state.smoothing) {
    for (size_t row = 0; row < rows; ++row) uncovered[row] = state.covered[row] == 0;
    return uncovered;
  }
  for (const auto& lf : state.lfs)
    for (int64_t row = 0; row < state.rows(); ++row) uncovered[static_cast<size_t>(row)] &= lf->votes()[row] == 0;
  return uncovered;
}

}  // namespace

std::vector<Conflict> find_conflicts(const SessionState& state, const std::vector<double>& accuracies, int64_t count,
                                     int64_t examples) {
  const int64_t classes = state.domain.classes;
  const auto k = static_cast<double>(classes);
  std::vector<Conflict> found;
  for (int64_t a = 0; a < state.counts.lfs; ++a) {
    for (int64_t b = a + 1; b < state.counts.lfs; ++b) {
      int64_t overlap = 0, agree = 0;
      for (int64_t c = 0; c < classes; ++c)
        for (int64_t d = 0; d < classes; ++d) {
          const int64_t both = state.counts.both(a * classes + c, b * classes + d);
          overlap += both;
          if (c == d) agree += both;
        }
      const int64_t disagree = overlap - agree;
      if (disagree < kLeastDisagreements) continue;
      // An LF that is worse than a guess explains no more disagreement than one that guesses.
      const double p = std::clamp(accuracies[static_cast<size_t>(a)], 1 / k, 1.0);
      const double q = std::clamp(accuracies[static_cast<size_t>(b)], 1 / k, 1.0);
      const double share = std::max(0.01, 1 - p * q - (1 - p) * (1 - q) / (k - 1));
      const double expected = share * static_cast<double>(overlap), surplus = static_cast<double>(disagree) - expected;
      if (surplus >= kDeviations * std::sqrt(expected * (1 - share)))
        found.push_back({a, b, overlap, disagree, expected, {}});
    }
  }
  const auto surplus = [](const Conflict& c) { return static_cast<double>(c.disagree) - c.expected; };
  std::stable_sort(found.begin(), found.end(),
                   [&](const Conflict& x, const Conflict& y) { return surplus(x) > surplus(y); });
  found.resize(static_cast<size_t>(std::min<int64_t>(count, static_cast<int64_t>(found.size()))));
  for (Conflict& conflict : found) conflict.rows = disagreements(state, conflict.a, conflict.b, examples);
  return found;
}

std::vector<Region> find_uncovered(const SessionState& state, int64_t count, int64_t examples) {
  const NeighborLists& lists = *state.lists;
  const Closeness closeness(state.set->metric(), lists);
  const std::vector<uint8_t> uncovered = uncovered_rows(state);
  const auto rows = static_cast<int64_t>(uncovered.size());
  const auto is_open = [&](int64_t row) { return uncovered[static_cast<size_t>(row)] != 0; };
  const auto length = [&](int64_t row) { return std::min(kNeighbors, lists.count(row)); };

  std::vector<double> density(uncovered.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t e = 0; is_open(row) && e < length(row); ++e)
      if (is_open(NeighborLists::row_of(lists.entries(row)[e])))
        density[static_cast<size_t>(row)] += closeness(lists.scores(row)[e]);

  // Densest first, so that what a row follows has its group already.
  std::vector<int32_t> order;
  for (int64_t row = 0; row < rows; ++row)
    if (is_open(row)) order.push_back(static_cast<int32_t>(row));
  const auto before = [&](int32_t a, int32_t b) {
    const double x = density[static_cast<size_t>(a)], y = density[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::sort(order.begin(), order.end(), before);
  std::vector<int32_t> group(uncovered.size());
  std::vector<int64_t> size(uncovered.size());
  for (const int32_t row : order) {
    const int64_t near = std::min(kUsual, lists.count(row));
    double usual = 0;
    for (int64_t e = 0; e < near; ++e) usual += closeness(lists.scores(row)[e]) / static_cast<double>(near);
    int32_t root = row;
    for (int64_t e = 0; e < length(row) && closeness(lists.scores(row)[e]) >= kFollow * usual; ++e) {
      const int32_t other = NeighborLists::row_of(lists.entries(row)[e]);
      if (!is_open(other) || !before(other, row)) continue;
      root = group[static_cast<size_t>(other)];
      break;
    }
    group[static_cast<size_t>(row)] = root;
    ++size[static_cast<size_t>(root)];
  }

  std::vector<Region> regions;
  for (const int32_t row : order)
    if (size[static_cast<size_t>(row)] >= kLeastRegion) regions.push_back({row, size[static_cast<size_t>(row)], {row}});
  std::stable_sort(regions.begin(), regions.end(), [](const Region& a, const Region& b) { return a.size > b.size; });
  regions.resize(static_cast<size_t>(std::min<int64_t>(count, static_cast<int64_t>(regions.size()))));
  for (Region& region : regions)
    for (int64_t e = 0; e < lists.count(region.row) && static_cast<int64_t>(region.rows.size()) < examples; ++e) {
      const int32_t other = NeighborLists::row_of(lists.entries(region.row)[e]);
      if (is_open(other) && group[static_cast<size_t>(other)] == region.row) region.rows.push_back(other);
    }
  return regions;
}

}  // namespace nearvote

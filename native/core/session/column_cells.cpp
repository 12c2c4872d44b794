#include "core/session/column_cells.h"

#include <algorithm>
#include <bit>

#include "core/neighbors/canonical.h"

namespace nearvote {
namespace {

constexpr int64_t kAhead = 8;

}  // namespace

Voters::Voters(const EmbeddingSet& set, const DirectVotes& direct)
    : bits_(static_cast<size_t>((set.rows() + 63) / 64)) {
  const int64_t words = DirectVotes::plane_words(set.rows());
  for (int64_t plane = 0; plane < direct.planes.size(); plane += words)
    for (size_t w = 0; w < bits_.size(); ++w) bits_[w] |= direct.planes[plane + static_cast<int64_t>(w)];
  for (int64_t row = 0; set.has_zero_rows() && row < set.rows(); ++row)
    if (set.is_zero(row)) bits_[static_cast<size_t>(row / 64)] &= ~(uint64_t{1} << (row % 64));
}

std::vector<int32_t> Voters::rows() const {
  std::vector<int32_t> rows;
  for (size_t w = 0; w < bits_.size(); ++w)
    for (uint64_t word = bits_[w]; word != 0; word &= word - 1)
      rows.push_back(static_cast<int32_t>(w * 64) + std::countr_zero(word));
  return rows;
}

double key_of_threshold(Metric metric, double threshold) {
  if (metric != Metric::l2) return threshold;
  return threshold <= 0 ? 0 : -threshold * threshold * (1 + 0x1p-50);
}

Cell cell_of(const NearestVoter& best, Metric metric, std::optional<double> threshold) {
  if (best.row < 0) return {kNoVoter, kNoScore};
  const double score = score_of_key(metric, best.key);
  if (threshold && !within_threshold(metric, score, *threshold)) return {kNoVoter, kNoScore};
  if (best.contested) return {kTie, kNoScore};
  return {best.row, static_cast<float>(score)};
}

CellReader::CellReader(const EmbeddingSet& set, const NeighborLists& lists, const int8_t* votes, const Voters& voters,
                       double threshold)
    : set_(set), lists_(lists), votes_(votes), voters_(voters), threshold_(threshold), test_(set.metric(), threshold) {}

double CellReader::key(int64_t row, int64_t other) const {
  return canonical_key(set_.metric(), set_.row(row), set_.row(other), set_.dims());
}

bool CellReader::inside(int64_t row, int64_t other, float score) const {
  const Inside answer = test_(score);
  if (answer != Inside::unclear) return answer == Inside::yes;
  return within_threshold(set_.metric(), score_of_key(set_.metric(), key(row, other)), threshold_);
}

bool CellReader::list_rules_out(int64_t row) const {
  const int64_t count = lists_.count(row);
  if (lists_.complete(row)) return true;
  if (count == 0) return false;
  const Inside last = test_(lists_.last_score(row));
  return last == Inside::no ||
         (last == Inside::unclear &&
          !inside(row, NeighborLists::row_of(lists_.entries(row)[count - 1]), lists_.last_score(row)));
}

std::optional<Cell> CellReader::read(int64_t row) const {
  // Rows are read in their order, as a rule, and hardly anything is done with each.
  lists_.prefetch(std::min(row + kAhead, lists_.rows() - 1));
  const uint32_t* entries = lists_.entries(row);
  const int64_t count = lists_.count(row);
  int64_t at = 0;
  while (at < count && !voters_(NeighborLists::row_of(entries[at]))) ++at;
  if (at == count) return list_rules_out(row) ? std::optional<Cell>({kNoVoter, kNoScore}) : std::nullopt;
  const int32_t nearest = NeighborLists::row_of(entries[at]);
  const int8_t vote = votes_[nearest];
  bool contested = false;
  int64_t next = at + 1;
  for (; next < count && NeighborLists::ties_with_previous(entries[next]); ++next) {
    const int32_t other = NeighborLists::row_of(entries[next]);
    contested = contested || (voters_(other) && votes_[other] != vote);
  }
  if (contested) return Cell{kTie, kNoScore};
  // Equal rows may go on beyond the end of the list.
  if (next == count && !lists_.complete(row)) return std::nullopt;
  return Cell{nearest, lists_.scores(row)[at]};
}

}  // namespace nearvote

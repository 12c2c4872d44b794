#include "core/neighbors/block_votes.h"

#include <algorithm>

namespace nearvote {

BlockVoteLists::BlockVoteLists(VoteMatrix votes, const std::vector<int32_t>& rows, const VoteDomain& domain,
                               CellsPer cells_per) {
  const int64_t classes = cells_per == CellsPer::lf ? 1 : domain.classes;
  cells = votes.cols * classes;
  const auto n = static_cast<int64_t>(rows.size());
  std::vector<int32_t> place(static_cast<size_t>(cells) + 1);
  first_list_.push_back(0);
  votes_before_.push_back(0);
  for (int64_t begin = 0; begin < n; begin += simd::kBlockRows) {
    const int64_t end = std::min<int64_t>(n, begin + simd::kBlockRows);
    const auto for_each_vote = [&](auto&& body) {
      for (int64_t i = begin; i < end; ++i) {
        const int8_t* row = votes.row(rows[static_cast<size_t>(i)]);
        for (int64_t lf = 0; lf < votes.cols; ++lf)
          if (row[lf] != 0)
            body(static_cast<size_t>(lf * classes + (classes == 1 ? 0 : domain.class_of(row[lf]))), i - begin);
      }
    };
    // Counting sort by cell.
    std::fill(place.begin(), place.end(), 0);
    for_each_vote([&](size_t cell, int64_t) { ++place[cell + 1]; });
    for (size_t cell = 0; cell < static_cast<size_t>(cells); ++cell) {
      if (place[cell + 1] > 0) {
        cell_of_list_.push_back(static_cast<int32_t>(cell));
        first_vote_.push_back(place[cell]);
      }
      place[cell + 1] += place[cell];
    }
    const int32_t total = place.back();
    first_vote_.push_back(total);
    const size_t base = rows_.size();
    rows_.resize(base + static_cast<size_t>(total));
    for_each_vote([&](size_t cell, int64_t row) {
      rows_[base + static_cast<size_t>(place[cell]++)] = static_cast<uint8_t>(row);
    });
    first_list_.push_back(static_cast<int64_t>(cell_of_list_.size()));
    votes_before_.push_back(static_cast<int64_t>(rows_.size()));
  }
}

simd::BlockVotes BlockVoteLists::block(int64_t b) const {
  const int64_t first = first_list_[static_cast<size_t>(b)];
  return {first_list_[static_cast<size_t>(b) + 1] - first, cell_of_list_.data() + first, first_vote_.data() + first + b,
          rows_.data() + votes_before_[static_cast<size_t>(b)]};
}

int64_t BlockVoteLists::votes_in_block(int64_t b) const {
  return votes_before_[static_cast<size_t>(b) + 1] - votes_before_[static_cast<size_t>(b)];
}

std::vector<int32_t> voting_rows(const EmbeddingSet& support, VoteMatrix votes) {
  std::vector<int32_t> rows;
  for (int64_t i = 0; i < votes.rows; ++i) {
    const int8_t* row = votes.row(i);
    if (!support.is_zero(i) && std::any_of(row, row + votes.cols, [](int8_t vote) { return vote != 0; }))
      rows.push_back(static_cast<int32_t>(i));
  }
  return rows;
}

}  // namespace nearvote

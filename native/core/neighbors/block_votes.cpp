#include "core/neighbors/block_votes.h"

#include <algorithm>
#include <numeric>

namespace nearvote {

BlockVoteLists::BlockVoteLists(const EmbeddingSet& support, VoteMatrix votes, const std::vector<int32_t>& rows,
                               const VoteDomain& domain, CellsPer cells_per, const JobControl& job) {
  const int64_t classes = cells_per == CellsPer::lf ? 1 : domain.classes;
  cells = votes.cols * classes;
  const auto n = static_cast<int64_t>(rows.size());
  std::vector<int32_t> count(static_cast<size_t>(cells));
  std::vector<size_t> place(static_cast<size_t>(cells));
  first_list_.push_back(0);
  chunks_before_.push_back(0);
  for (int64_t begin = 0; begin < n; begin += simd::kBlockRows) {
    job.check();
    const int64_t end = std::min<int64_t>(n, begin + simd::kBlockRows);
    const auto for_each_vote = [&](auto&& body) {
      for (int64_t i = begin; i < end; ++i) {
        if (support.is_zero(rows[static_cast<size_t>(i)])) continue;
        const int8_t* row = votes.row(rows[static_cast<size_t>(i)]);
        for (int64_t lf = 0; lf < votes.cols; ++lf)
          if (row[lf] != 0)
            body(static_cast<size_t>(lf * classes + (classes == 1 ? 0 : domain.class_of(row[lf]))), i - begin);
      }
    };
    // Counting sort by cell, into whole chunks.
    std::fill(count.begin(), count.end(), 0);
    for_each_vote([&](size_t cell, int64_t) { ++count[cell]; });
    const size_t base = offsets_.size();
    int32_t chunks = 0;
    first_chunk_.push_back(0);
    for (size_t cell = 0; cell < count.size(); ++cell) {
      if (count[cell] == 0) continue;
      place[cell] = base + static_cast<size_t>(chunks) * simd::kChunk;
      chunks += (count[cell] + simd::kChunk - 1) / simd::kChunk;
      cell_of_list_.push_back(static_cast<int32_t>(cell));
      last_rows_.push_back(static_cast<uint8_t>((count[cell] - 1) % simd::kChunk + 1));
      first_chunk_.push_back(chunks);
    }
    offsets_.resize(base + static_cast<size_t>(chunks) * simd::kChunk);
    for_each_vote([&](size_t cell, int64_t row) {
      const auto offset = static_cast<uint16_t>(row * simd::kLanes);
      offsets_[place[cell]++] = offset;
      if (--count[cell] > 0) return;
      for (; (place[cell] - base) % simd::kChunk != 0; ++place[cell]) offsets_[place[cell]] = offset;
    });
    first_list_.push_back(static_cast<int64_t>(cell_of_list_.size()));
    chunks_before_.push_back(static_cast<int64_t>(offsets_.size()) / simd::kChunk);
  }
}

simd::BlockVotes BlockVoteLists::block(int64_t b) const {
  const int64_t first = first_list_[static_cast<size_t>(b)];
  return {first_list_[static_cast<size_t>(b) + 1] - first,
          cell_of_list_.data() + first,
          first_chunk_.data() + first + b,
          last_rows_.data() + first,
          offsets_.data() + chunks_before_[static_cast<size_t>(b)] * simd::kChunk,
          nullptr};
}

int64_t BlockVoteLists::votes_in_block(int64_t b) const {
  return (chunks_before_[static_cast<size_t>(b) + 1] - chunks_before_[static_cast<size_t>(b)]) * simd::kChunk;
}

std::vector<int32_t> searched_rows(const EmbeddingSet& support, VoteMatrix votes) {
  std::vector<int32_t> rows;
  for (int64_t i = 0; i < votes.rows; ++i) {
    const int8_t* row = votes.row(i);
    if (!support.is_zero(i) && std::any_of(row, row + votes.cols, [](int8_t vote) { return vote != 0; }))
      rows.push_back(static_cast<int32_t>(i));
  }
  if (10 * static_cast<int64_t>(rows.size()) >= 9 * votes.rows) {
    rows.resize(static_cast<size_t>(votes.rows));
    std::iota(rows.begin(), rows.end(), 0);
  }
  return rows;
}

}  // namespace nearvote

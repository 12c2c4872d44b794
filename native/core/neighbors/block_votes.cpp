#include "core/neighbors/block_votes.h"

#include <algorithm>
#include <numeric>

#include "core/base/parallel.h"
#include "core/votes/for_each_vote.h"

namespace nearvote {
namespace {

constexpr int64_t kSerialBelow = 1 << 16;  // votes

}  // namespace

BlockVoteLists::BlockVoteLists(const EmbeddingSet& support, VoteMatrix votes, const std::vector<int32_t>& rows,
                               const VoteDomain& domain, CellsPer cells_per, const RunOptions& options) {
  const int64_t classes = cells_per == CellsPer::lf ? 1 : domain.classes;
  cells = votes.cols * classes;
  const auto n = static_cast<int64_t>(rows.size());
  const int64_t blocks = (n + simd::kBlockRows - 1) / simd::kBlockRows;
  blocks_.resize(static_cast<size_t>(blocks));
  const int threads = n * votes.cols < kSerialBelow ? 1 : effective_threads(options.threads, blocks);
  parallel_for(blocks, threads, [&](int64_t b, int) {
    options.job.check();
    Block& block = blocks_[static_cast<size_t>(b)];
    const int64_t begin = b * simd::kBlockRows, end = std::min<int64_t>(n, begin + simd::kBlockRows);
    const auto each_vote = [&](auto&& body) {
      for (int64_t i = begin; i < end; ++i) {
        if (support.is_zero(rows[static_cast<size_t>(i)])) continue;
        const int8_t* row = votes.row(rows[static_cast<size_t>(i)]);
        for_each_vote(row, votes.cols, [&](int64_t lf) {
          body(static_cast<size_t>(lf * classes + (classes == 1 ? 0 : domain.class_of(row[lf]))), i - begin);
        });
      }
    };
    // Counting sort by cell, into whole chunks.
    std::vector<int32_t> count(static_cast<size_t>(cells));
    std::vector<size_t> place(count.size());
    each_vote([&](size_t cell, int64_t) { ++count[cell]; });
    int32_t chunks = 0;
    block.first_chunk.push_back(0);
    for (size_t cell = 0; cell < count.size(); ++cell) {
      if (count[cell] == 0) continue;
      place[cell] = static_cast<size_t>(chunks) * simd::kChunk;
      chunks += (count[cell] + simd::kChunk - 1) / simd::kChunk;
      block.cell_of_list.push_back(static_cast<int32_t>(cell));
      block.last_rows.push_back(static_cast<uint8_t>((count[cell] - 1) % simd::kChunk + 1));
      block.first_chunk.push_back(chunks);
    }
    block.offsets.resize(static_cast<size_t>(chunks) * simd::kChunk);
    each_vote([&](size_t cell, int64_t row) {
      const auto offset = static_cast<uint16_t>(row * simd::kLanes);
      block.offsets[place[cell]++] = offset;
      if (--count[cell] > 0) return;
      for (; place[cell] % simd::kChunk != 0; ++place[cell]) block.offsets[place[cell]] = offset;
    });
  });
}

simd::BlockVotes BlockVoteLists::block(int64_t b) const {
  const Block& block = blocks_[static_cast<size_t>(b)];
  return {static_cast<int64_t>(block.cell_of_list.size()),
          block.cell_of_list.data(),
          block.first_chunk.data(),
          block.last_rows.data(),
          block.offsets.data(),
          nullptr};
}

int64_t BlockVoteLists::votes_in_block(int64_t b) const {
  return static_cast<int64_t>(blocks_[static_cast<size_t>(b)].offsets.size());
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

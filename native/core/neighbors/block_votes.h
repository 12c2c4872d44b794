// The votes of the searched support rows, per block of rows and cell, as the lists the epilogue walks.
#pragma once

#include <vector>

#include "core/neighbors/embedding_set.h"
#include "core/neighbors/run_options.h"
#include "core/simd/kernels.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

// What competes with what: all voters of an LF, or the voters of each class of an LF on their own.
enum class CellsPer { lf, lf_and_class };

struct BlockVoteLists {
  // votes: valid, one row per support row. rows: the searched rows, ascending. Rows without a direction are left out.
  BlockVoteLists(const EmbeddingSet& support, VoteMatrix votes, const std::vector<int32_t>& rows,
                 const VoteDomain& domain, CellsPer cells_per, const RunOptions& options);

  simd::BlockVotes block(int64_t b) const;
  int64_t votes_in_block(int64_t b) const;  // padding included

  int64_t cells;  // LFs, or LFs x classes with cell = lf * classes + class

 private:
  struct Block {
    std::vector<int32_t> cell_of_list;
    std::vector<uint8_t> last_rows;    // per list
    std::vector<int32_t> first_chunk;  // lists + 1
    std::vector<uint16_t> offsets;
  };

  std::vector<Block> blocks_;
};

// The support rows a search has to look at, ascending: those that can give a vote (at least one, and a direction under
// cosine), or simply all where few cannot, which saves a copy of the packed rows.
std::vector<int32_t> searched_rows(const EmbeddingSet& support, VoteMatrix votes);

}  // namespace nearvote

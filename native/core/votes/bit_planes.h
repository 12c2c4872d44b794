// Votes as bit planes: one plane per (LF, class), 64 rows a word, m * K planes of ceil(n / 64) words in all.
// An abstain is a bit in no plane of its LF. Planes are the form in which votes are counted and looked up.
#pragma once

#include <cstdint>

#include "core/base/aligned.h"
#include "core/base/matrix.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

struct BitPlanes {
  VoteDomain domain;
  int64_t rows = 0;
  int64_t lfs = 0;
  int64_t stride = 0;  // words from one plane to the next: ceil(rows / 64), padded to a cache line
  AlignedBuffer<uint64_t> words;

  int64_t row_words() const { return (rows + 63) / 64; }
  uint64_t* plane(int64_t lf, int class_index) const {
    return words.data() + (lf * domain.classes + class_index) * stride;
  }
};

// votes must be valid for the domain (check_votes). threads <= 0: the process default; the planes do not depend on it.
BitPlanes pack_votes(VoteMatrix votes, VoteDomain domain, int threads = 0);

}  // namespace nearvote

// Which int8 values a vote may take. Signed (binary) tasks: -1, 0, +1. Class tasks: 0..K. 0 always abstains.
// Everywhere below the facade a vote is addressed by its class index: signed -1 -> 0, +1 -> 1; class c -> c - 1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nearvote {

struct VoteDomain {
  int classes = 2;           // K >= 2
  bool signed_votes = true;  // true: -1/+1 (then classes == 2); false: 1..K

  // Class index 0..K-1 of a vote, or -1 for an abstain. The vote must be valid.
  int class_of(int8_t vote) const {
    if (vote == 0) return -1;
    return signed_votes ? (vote > 0 ? 1 : 0) : vote - 1;
  }
  int8_t vote_of(int class_index) const {
    if (class_index < 0) return 0;
    return static_cast<int8_t>(signed_votes ? (class_index == 1 ? 1 : -1) : class_index + 1);
  }
  // The votes in class order; only the first `classes` entries mean something.
  std::array<int8_t, 127> class_votes() const {
    std::array<int8_t, 127> votes{};
    for (int c = 0; c < classes; ++c) votes[static_cast<size_t>(c)] = vote_of(c);
    return votes;
  }
  bool valid(int8_t vote) const { return signed_votes ? (vote >= -1 && vote <= 1) : (vote >= 0 && vote <= classes); }
};

}  // namespace nearvote

#include "core/votes/check_votes.h"

#include <algorithm>

#include "core/base/error.h"

namespace nearvote {

int64_t first_invalid_vote(VoteMatrix votes, VoteDomain domain) {
  // One unsigned comparison a vote: v - low > span. Blocks without an early exit, so that the loop vectorises.
  const auto low = static_cast<uint8_t>(domain.signed_votes ? -1 : 0);
  const auto span = static_cast<uint8_t>(domain.signed_votes ? 2 : domain.classes);
  constexpr int64_t block = 4096;
  const int64_t size = votes.size();
  for (int64_t begin = 0; begin < size; begin += block) {
    const int64_t end = std::min(begin + block, size);
    uint8_t bad = 0;
    for (int64_t i = begin; i < end; ++i) {
      bad |= static_cast<uint8_t>(static_cast<uint8_t>(static_cast<uint8_t>(votes.data[i]) - low) > span);
    }
    if (bad == 0) continue;
    for (int64_t i = begin; i < end; ++i) {
      if (!domain.valid(votes.data[i])) return i;
    }
  }
  return -1;
}

void check_votes(VoteMatrix votes, VoteDomain domain, const std::string& parameter) {
  const int64_t at = first_invalid_vote(votes, domain);
  if (at < 0) return;
  const std::string what = domain.signed_votes ? "-1, 0 or 1" : "0 to " + std::to_string(domain.classes);
  throw expected(
      what, parameter + "[row " + std::to_string(at / votes.cols) + ", LF " + std::to_string(at % votes.cols) + "]",
      std::to_string(votes.data[at]));
}

}  // namespace nearvote

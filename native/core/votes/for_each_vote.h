// The votes of a row among its abstains.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace nearvote {

// Calls body(i) for every votes[i] that is not 0, ascending. Most are 0: eight of them are passed over at once.
template <class Body>
void for_each_vote(const int8_t* votes, int64_t count, Body&& body) {
  int64_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f;
    for (; i + 8 <= count; i += 8) {
      uint64_t word;
      std::memcpy(&word, votes + i, 8);
      // The high bit of every byte that is not zero.
      for (uint64_t set = (((word & kLow) + kLow) | word) & ~kLow; set != 0; set &= set - 1)
        body(i + std::countr_zero(set) / 8);
    }
  }
  for (; i < count; ++i)
    if (votes[i] != 0) body(i);
}

}  // namespace nearvote

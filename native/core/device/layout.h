// Where the sketch puts what. Searched support rows stand at positions; a group is `size` positions that one thread of
// the product holds (rows g, g + 8, .. of a slab of 8 * size), so that the largest of a group needs no exchange between
// lanes. Codes of 64 queries and one group are 32 words of two; word w and half h belong to query_of(w, h), so that a
// thread of the product writes its 16 codes as 32 contiguous bytes.
#pragma once

#include <cstdint>

#include "core/device/hd.h"

namespace nearvote::device {

constexpr int kTileRows = 128;   // support positions and queries per block of the product
constexpr int kQueryBlock = 64;  // queries per row of words
constexpr int kWords = 32;
constexpr int kListTile = 64;  // groups per tile of vote lists

NEARVOTE_HD int64_t group_of(int64_t position, int size) {
  const int64_t slab = 8 * size;
  return position / slab * 8 + position % 8;
}
NEARVOTE_HD int64_t position_in(int64_t group, int member, int size) {
  return group / 8 * (8 * size) + member * 8 + group % 8;
}

NEARVOTE_HD int query_of(int word, int half) { return word % 8 * 8 + word / 8 * 2 + half; }
NEARVOTE_HD int word_of(int query) { return query % 8 / 2 * 8 + query / 8; }
NEARVOTE_HD int half_of(int query) { return query % 2; }

// The word of (query block, group), in words.
NEARVOTE_HD int64_t word_offset(int64_t query_block, int64_t group, int64_t groups) {
  return (query_block * groups + group) * kWords;
}

}  // namespace nearvote::device

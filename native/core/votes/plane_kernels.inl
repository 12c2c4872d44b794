// The portable form of the plane kernels, compiled once per instruction set into an unnamed namespace. The including
// file defines NEARVOTE_POPCOUNT(word). Lanes of 16 columns keep the compiler's vectors full without a scalar tail.
#include <cstring>

#include "core/votes/plane_kernels.h"

namespace nearvote {
namespace {

// Not std::min: an inline template would leave a weak symbol in an object built for one instruction set.
static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

constexpr int64_t kLanes = 16;

// 64 rows of one lane group: byte b of `words[column]` holds rows 8 b .. 8 b + 7.
void pack_lanes(const int8_t* votes, int64_t rows, int64_t lfs, int64_t columns, int8_t vote, uint64_t* words) {
  uint8_t bytes[8][kLanes] = {};
  for (int64_t r = 0; r < rows; ++r) {
    int8_t lane[kLanes] = {};
    if (columns == kLanes) {
      std::memcpy(lane, votes + r * lfs, kLanes);
    } else {
      std::memcpy(lane, votes + r * lfs, static_cast<size_t>(columns));
    }
    uint8_t* out = bytes[r >> 3];
    const auto bit = static_cast<uint8_t>(1 << (r & 7));
    for (int64_t c = 0; c < kLanes; ++c) out[c] |= lane[c] == vote ? bit : uint8_t{0};
  }
  for (int64_t c = 0; c < kLanes; ++c) {
    uint64_t word = 0;
    for (int b = 0; b < 8; ++b) word |= static_cast<uint64_t>(bytes[b][c]) << (8 * b);
    words[c] = word;
  }
}

void pack(const int8_t* votes, int64_t rows, int64_t lfs, const int8_t* class_votes, int classes, uint64_t* planes,
          int64_t stride) {
  uint64_t words[kLanes];
  for (int64_t row = 0, w = 0; row < rows; row += 64, ++w) {
    const int64_t count = smaller(64, rows - row);
    for (int64_t first = 0; first < lfs; first += kLanes) {
      const int64_t columns = smaller(kLanes, lfs - first);
      for (int k = 0; k < classes; ++k) {
        pack_lanes(votes + row * lfs + first, count, lfs, columns, class_votes[k], words);
        for (int64_t c = 0; c < columns; ++c) planes[((first + c) * classes + k) * stride + w] = words[c];
      }
    }
  }
}

int64_t overlap(const uint64_t* a, const uint64_t* b, int64_t words) {
  int64_t total = 0;
  for (int64_t w = 0; w < words; ++w) total += static_cast<int64_t>(NEARVOTE_POPCOUNT(a[w] & b[w]));
  return total;
}

void joint(const uint64_t* const* planes, const int32_t* index, int64_t count, int64_t words, int64_t* out,
           int64_t ld) {
  for (int64_t a = 0; a < count; ++a) {
    int64_t* row = out + index[a] * ld;
    for (int64_t b = a; b < count; ++b) row[index[b]] += overlap(planes[a], planes[b], words);
  }
}

}  // namespace
}  // namespace nearvote

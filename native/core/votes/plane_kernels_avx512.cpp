// Plane kernels for AVX-512 with VPOPCNTDQ: packing by masked byte compares (64 columns at once, no tail), joint counts
// in 4 x 4 blocks of planes so that eight loads feed sixteen AND + popcount + add.
#ifdef __AVX512VPOPCNTDQ__
#include <immintrin.h>

#include "core/votes/plane_kernels.h"

namespace nearvote {
namespace {

// Not std::min: an inline template would leave a weak symbol in an object built for one instruction set.
static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

constexpr int64_t kColumns = 64;

void pack_block(const int8_t* votes, int64_t rows, int64_t lfs, __mmask64 columns, int8_t vote, uint64_t* words) {
  alignas(64) uint8_t bytes[8][kColumns];
  const __m512i wanted = _mm512_set1_epi8(vote);
  for (int b = 0; b < 8; ++b) {
    __m512i acc = _mm512_setzero_si512();
    const int64_t first = 8 * b;
    const int64_t last = smaller(first + 8, rows);
    __m512i bit = _mm512_set1_epi8(1);
    for (int64_t r = first; r < last; ++r) {
      const __m512i row = _mm512_maskz_loadu_epi8(columns, votes + r * lfs);
      acc = _mm512_mask_add_epi8(acc, _mm512_cmpeq_epi8_mask(row, wanted), acc, bit);
      bit = _mm512_add_epi8(bit, bit);
    }
    _mm512_store_si512(bytes[b], acc);
  }
  for (int64_t c = 0; c < kColumns; ++c) {
    uint64_t word = 0;
    for (int b = 0; b < 8; ++b) word |= static_cast<uint64_t>(bytes[b][c]) << (8 * b);
    words[c] = word;
  }
}

void pack(const int8_t* votes, int64_t rows, int64_t lfs, const int8_t* class_votes, int classes, uint64_t* planes,
          int64_t stride) {
  alignas(64) uint64_t words[kColumns];
  for (int64_t row = 0, w = 0; row < rows; row += 64, ++w) {
    const int64_t count = smaller(64, rows - row);
    for (int64_t first = 0; first < lfs; first += kColumns) {
      const int64_t columns = smaller(kColumns, lfs - first);
      const __mmask64 mask = columns == kColumns ? ~__mmask64{0} : (__mmask64{1} << columns) - 1;
      for (int k = 0; k < classes; ++k) {
        pack_block(votes + row * lfs + first, count, lfs, mask, class_votes[k], words);
        for (int64_t c = 0; c < columns; ++c) planes[((first + c) * classes + k) * stride + w] = words[c];
      }
    }
  }
}

inline __m512i load_words(const uint64_t* plane, int64_t w, __mmask8 mask) {
  return _mm512_maskz_loadu_epi64(mask, plane + w);
}

inline __mmask8 word_mask(int64_t left) { return left >= 8 ? __mmask8{0xff} : static_cast<__mmask8>((1u << left) - 1); }

int64_t overlap(const uint64_t* a, const uint64_t* b, int64_t words) {
  __m512i total = _mm512_setzero_si512();
  for (int64_t w = 0; w < words; w += 8) {
    const __mmask8 mask = word_mask(words - w);
    total =
        _mm512_add_epi64(total, _mm512_popcnt_epi64(_mm512_and_si512(load_words(a, w, mask), load_words(b, w, mask))));
  }
  return _mm512_reduce_add_epi64(total);
}

void joint_block(const uint64_t* const* pa, const uint64_t* const* pb, int64_t words, int64_t (&counts)[4][4]) {
  __m512i total[4][4];
  for (auto& row : total)
    for (auto& cell : row) cell = _mm512_setzero_si512();
  for (int64_t w = 0; w < words; w += 8) {
    const __mmask8 mask = word_mask(words - w);
    __m512i b[4];
    for (int j = 0; j < 4; ++j) b[j] = load_words(pb[j], w, mask);
    for (int i = 0; i < 4; ++i) {
      const __m512i a = load_words(pa[i], w, mask);
      for (int j = 0; j < 4; ++j) {
        total[i][j] = _mm512_add_epi64(total[i][j], _mm512_popcnt_epi64(_mm512_and_si512(a, b[j])));
      }
    }
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) counts[i][j] = _mm512_reduce_add_epi64(total[i][j]);
}

void joint(const uint64_t* const* planes, const int32_t* index, int64_t count, int64_t words, int64_t* out,
           int64_t ld) {
  int64_t counts[4][4];
  for (int64_t a = 0; a < count; a += 4) {
    for (int64_t b = a; b < count; b += 4) {
      // A short last block repeats its last plane; the repeats are counted and dropped.
      const uint64_t* pa[4];
      const uint64_t* pb[4];
      for (int i = 0; i < 4; ++i) {
        pa[i] = planes[smaller(a + i, count - 1)];
        pb[i] = planes[smaller(b + i, count - 1)];
      }
      joint_block(pa, pb, words, counts);
      for (int64_t i = 0; i < 4 && a + i < count; ++i) {
        int64_t* row = out + index[a + i] * ld;
        for (int64_t j = a == b ? i : 0; j < 4 && b + j < count; ++j) row[index[b + j]] += counts[i][j];
      }
    }
  }
}

}  // namespace

extern const PlaneKernels kPlaneKernelsAvx512;
const PlaneKernels kPlaneKernelsAvx512{"avx512", pack, joint, overlap};

}  // namespace nearvote
#endif

// The kernels of smoothing, for the instruction set of the including file. A lane is a row (or, in lane_sums, a state):
// every sum is taken in the order of its list, so that all sets of instructions give the same bits.
#pragma once

#include "core/simd/impl_canonical.h"

namespace nearvote::simd {
namespace {

typedef float Float16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef double Double8Unaligned __attribute__((vector_size(64), aligned(8), may_alias));

inline __attribute__((always_inline)) void load(const double* p, Double8& out) {
  out = *reinterpret_cast<const Double8Unaligned*>(p);
}
inline __attribute__((always_inline)) void store(const Double8& value, double* p) {
  *reinterpret_cast<Double8Unaligned*>(p) = value;
}

// The states of eight neighbours.
inline __attribute__((always_inline)) void gather(const double* states, const int32_t* indices, Double8& out) {
#if defined(__AVX512F__)
  out = _mm512_i32gather_pd(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(indices)), states, 8);
#else
  for (int l = 0; l < 8; ++l) out[l] = states[indices[l]];
#endif
}

void smoothing_sums(const int32_t* indices, const float* weights, int64_t k, const double* states, double* sums) {
  Double8 total[2] = {}, weight, state;
  for (int64_t j = 0; j < k; ++j) {
    for (int h = 0; h < 2; ++h) {
      widen(weights + j * kLanes + 8 * h, weight);
      gather(states, indices + j * kLanes + 8 * h, state);
      total[h] += weight * state;
    }
  }
  for (int h = 0; h < 2; ++h) store(total[h], sums + 8 * h);
}

void smoothing_counted_sums(const int32_t* indices, const float* weights, int64_t k, const double* states,
                            double* sums) {
  const Double8 zero = {};
  Double8 total[2] = {}, squares[2] = {}, said[2] = {}, weight, state;
  for (int64_t j = 0; j < k; ++j) {
    for (int h = 0; h < 2; ++h) {
      widen(weights + j * kLanes + 8 * h, weight);
      gather(states, indices + j * kLanes + 8 * h, state);
      weight = state >= zero ? weight : zero;
      total[h] += weight;
      squares[h] += weight * weight;
      said[h] += weight * state;
    }
  }
  for (int h = 0; h < 2; ++h) {
    store(total[h], sums + 8 * h);
    store(squares[h], sums + kLanes + 8 * h);
    store(said[h], sums + 2 * kLanes + 8 * h);
  }
}

void smoothing_two_classes(const double* sums, const double* own, const double* mean, const double* inverse,
                           double* proba) {
  const Double8 zero = {};
  for (int h = 0; h < 2; ++h) {
    Double8 weight, squares, said, ratio;
    load(sums + 8 * h, weight);
    load(sums + kLanes + 8 * h, squares);
    load(sums + 2 * kLanes + 8 * h, said);
    load(own + 8 * h, ratio);
    const Double8 scale = squares > zero ? weight / squares : zero;
    said *= scale;
    Double8 rest = scale * weight - said;
    said = said > zero ? said : zero;
    rest = rest > zero ? rest : zero;
    const Double8 second = ratio * (said + mean[1]) * inverse[1], first = (rest + mean[0]) * inverse[0];
    const Double8 total = second + first;
    store(first / total, proba + 8 * h);
    store(second / total, proba + kLanes + 8 * h);
  }
}

bool smoothing_marked(const int32_t* indices, int64_t k, const uint8_t* marks, uint16_t* found) {
  uint16_t any = 0;
  for (int64_t j = 0; j < k; ++j) {
#if defined(__AVX512F__)
    const __m512i four = _mm512_i32gather_epi32(_mm512_loadu_si512(indices + j * kLanes), marks, 1);
    found[j] = _mm512_test_epi32_mask(four, _mm512_set1_epi32(0xff));
#else
    unsigned bits = 0;
    for (int64_t l = 0; l < kLanes; ++l) bits |= static_cast<unsigned>(marks[indices[j * kLanes + l]]) << l;
    found[j] = static_cast<uint16_t>(bits);
#endif
    any |= found[j];
  }
  return any != 0;
}

// Rows whose sums are taken side by side: one alone waits for every addition before it.
#if defined(__AVX__) || defined(__aarch64__)
constexpr int kRowsTogether = 4;
#else
constexpr int kRowsTogether = 2;
#endif

template <int kRows>
inline __attribute__((always_inline)) void lane_sums_of(const int32_t* indices, const float* weights, int64_t k,
                                                        const float* states, int64_t stride, const uint8_t* rows,
                                                        float* sums, int64_t sums_stride) {
  Float16 total[kRows] = {};
  for (int64_t j = 0; j < k * kLanes; j += kLanes)
    for (int r = 0; r < kRows; ++r)
      total[r] += weights[j + rows[r]] * *reinterpret_cast<const Float16*>(states + indices[j + rows[r]] * stride);
  for (int r = 0; r < kRows; ++r) *reinterpret_cast<Float16*>(sums + r * sums_stride) = total[r];
}

void smoothing_lane_sums(const int32_t* indices, const float* weights, int64_t k, const float* states, int64_t stride,
                         const uint8_t* rows, int64_t count, float* sums, int64_t sums_stride) {
  int64_t r = 0;
  for (; r + kRowsTogether <= count; r += kRowsTogether)
    lane_sums_of<kRowsTogether>(indices, weights, k, states, stride, rows + r, sums + r * sums_stride, sums_stride);
  for (; r < count; ++r)
    lane_sums_of<1>(indices, weights, k, states, stride, rows + r, sums + r * sums_stride, sums_stride);
}

void smoothing_lane_add(const float* more, const float* square, const float* said, const float* is, float was,
                        float weight, float* sums) {
  const auto at = [](const float* p) -> const Float16& { return *reinterpret_cast<const Float16*>(p); };
  Float16* to = reinterpret_cast<Float16*>(sums);
  to[0] += weight * at(more);
  to[1] += weight * weight * at(square);
  to[2] += weight * (at(said) - was * at(is));
}

void smoothing_lane_two_classes(const float* sums, const float* own, const float* mean, const float* inverse,
                                int64_t count, float* second) {
  const auto at = [](const float* p, int64_t i) -> const Float16& {
    return *reinterpret_cast<const Float16*>(p + i * kLanes);
  };
  const Float16 zero = {}, mean0 = at(mean, 0), mean1 = at(mean, 1), inverse0 = at(inverse, 0),
                inverse1 = at(inverse, 1);
  for (int64_t r = 0; r < count; ++r) {
    const Float16 weight = at(sums, 3 * r), squares = at(sums, 3 * r + 1);
    const Float16 scale = squares > zero ? weight / squares : zero;
    Float16 said = scale * at(sums, 3 * r + 2), rest = scale * weight - said;
    said = said > zero ? said : zero;
    rest = rest > zero ? rest : zero;
    const Float16 of_second = at(own, r) * (said + mean1) * inverse1, of_first = (rest + mean0) * inverse0;
    *reinterpret_cast<Float16*>(second + r * kLanes) = of_second / (of_second + of_first);
  }
}

constexpr SmoothingKernels kSmoothing = {smoothing_marked,          smoothing_sums,      smoothing_counted_sums,
                                         smoothing_two_classes,     smoothing_lane_sums, smoothing_lane_add,
                                         smoothing_lane_two_classes};

}  // namespace
}  // namespace nearvote::simd

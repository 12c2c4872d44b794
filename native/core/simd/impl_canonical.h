// The canonical scores (neighbors/canonical.h) and rows, for the instruction set of the including file. Eight double
// lanes are the eight accumulators of the definition; the compiler maps them to 1, 2 or 4 registers.
#pragma once

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <cstdint>

namespace nearvote::simd {
namespace {

typedef double Double8 __attribute__((vector_size(64)));
typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));

inline __attribute__((always_inline)) void widen(const float* p, Double8& out) {
#if defined(__AVX512F__)
  out = _mm512_cvtps_pd(_mm256_loadu_ps(p));  // gcc 12 would convert two halves and put them together
#else
  out = __builtin_convertvector(*reinterpret_cast<const Float8*>(p), Double8);
#endif
}

inline __attribute__((always_inline)) double sum(const Double8& a) {
  return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

struct DotTerm {
  // A product of two floats is exact: fused or not, the same bits.
  static inline __attribute__((always_inline)) void add(const Double8& x, const Double8& y, Double8& sum) {
#if defined(__AVX512F__)
    sum = _mm512_fmadd_pd(x, y, sum);
#else
    sum += x * y;
#endif
  }
};

struct SquareTerm {
  static inline __attribute__((always_inline)) void add(const Double8& x, const Double8& y, Double8& sum) {
    const Double8 difference = x - y;
    sum += difference * difference;
  }
};

void scale_row(const float* x, double factor, int64_t dims, float* out) {
  Double8 wide;
  int64_t i = 0;
  for (; i + 8 <= dims; i += 8) {
    widen(x + i, wide);
    *reinterpret_cast<Float8*>(out + i) = __builtin_convertvector(wide * factor, Float8);
  }
  for (; i < dims; ++i) out[i] = static_cast<float>(static_cast<double>(x[i]) * factor);
}

template <class Term>
double canonical(const float* x, const float* y, int64_t dims) {
  Double8 total = {}, a, b;
  int64_t i = 0;
  for (; i + 8 <= dims; i += 8) {
    widen(x + i, a);
    widen(y + i, b);
    Term::add(a, b, total);
  }
  if (i < dims) {
    float tail_x[8] = {}, tail_y[8] = {};
    for (int64_t l = 0; i + l < dims; ++l) {
      tail_x[l] = x[i + l];
      tail_y[l] = y[i + l];
    }
    widen(tail_x, a);
    widen(tail_y, b);
    Term::add(a, b, total);
  }
  return sum(total);
}

template <class Term>
inline __attribute__((always_inline)) void add4(const double* x, const float* const* y, int64_t i, Double8* total) {
  const Double8 a = *reinterpret_cast<const Double8*>(x + i);
  for (int r = 0; r < 4; ++r) {
    Double8 b;
    widen(y[r] + i, b);
    Term::add(a, b, total[r]);
  }
}

// A cache line of floats at a time.
template <class Term>
void canonical4(const double* x, const float* const* y, const float* const* next, int64_t padded_dims, double* out) {
  Double8 total[4] = {};
  for (int64_t i = 0; i < padded_dims; i += 16) {
    for (int r = 0; r < 4; ++r) __builtin_prefetch(next[r] + i);
    add4<Term>(x, y, i, total);
    if (i + 8 < padded_dims) add4<Term>(x, y, i + 8, total);
  }
  for (int r = 0; r < 4; ++r) out[r] = sum(total[r]);
}

}  // namespace
}  // namespace nearvote::simd

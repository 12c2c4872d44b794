// The vector type of the AVX-512 and AMX files.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace nearvote::simd {
namespace {

struct Vec {
  using type = __m512;
  static constexpr int width = 16;
  static type load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, type v) { _mm512_storeu_ps(p, v); }
  static type broadcast(float x) { return _mm512_set1_ps(x); }
  static type add(type a, type b) { return _mm512_add_ps(a, b); }
  static type subtract(type a, type b) { return _mm512_sub_ps(a, b); }
  static type multiply_add(type a, type b, type c) { return _mm512_fmadd_ps(a, b, c); }
  static type max(type a, type b) { return _mm512_max_ps(a, b); }
  static uint32_t greater_equal(type a, type b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
};
constexpr int kRowsAtOnce = 14;
constexpr int kGroupsAtOnce = 2;

}  // namespace
}  // namespace nearvote::simd

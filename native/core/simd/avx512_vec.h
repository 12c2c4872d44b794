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
  static type min(type a, type b) { return _mm512_min_ps(a, b); }
  static uint32_t greater_equal(type a, type b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }

  // The transpose of 16 x 16 floats: within quarters of registers, then of the quarters.
  static void turn(const float* in, float* out) {
    type a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = load(in + i * 16);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
      a[i] = unpack_low(b[i], b[i + 2]);
      a[i + 1] = unpack_high(b[i], b[i + 2]);
      a[i + 2] = unpack_low(b[i + 1], b[i + 3]);
      a[i + 3] = unpack_high(b[i + 1], b[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const type low = even_quarters(a[i], a[4 + i]), high = even_quarters(a[8 + i], a[12 + i]);
      const type low_odd = odd_quarters(a[i], a[4 + i]), high_odd = odd_quarters(a[8 + i], a[12 + i]);
      store(out + i * 16, even_quarters(low, high));
      store(out + (4 + i) * 16, even_quarters(low_odd, high_odd));
      store(out + (8 + i) * 16, odd_quarters(low, high));
      store(out + (12 + i) * 16, odd_quarters(low_odd, high_odd));
    }
  }

 private:
  static type unpack_low(type a, type b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static type unpack_high(type a, type b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static type even_quarters(type a, type b) { return _mm512_shuffle_f32x4(a, b, 0x88); }
  static type odd_quarters(type a, type b) { return _mm512_shuffle_f32x4(a, b, 0xdd); }
};
constexpr int kRowsAtOnce = 14;
constexpr int kGroupsAtOnce = 2;

}  // namespace
}  // namespace nearvote::simd

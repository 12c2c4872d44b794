// The vector type of the NEON files.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace nearvote::simd {
namespace {

struct Vec {
  using type = float32x4_t;
  static constexpr int width = 4;
  static type load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, type v) { vst1q_f32(p, v); }
  static type broadcast(float x) { return vdupq_n_f32(x); }
  static type add(type a, type b) { return vaddq_f32(a, b); }
  static type subtract(type a, type b) { return vsubq_f32(a, b); }
  static type multiply_add(type a, type b, type c) { return vfmaq_f32(c, a, b); }
  static type max(type a, type b) { return vmaxq_f32(a, b); }
  static type min(type a, type b) { return vminq_f32(a, b); }
  static uint32_t greater_equal(type a, type b) {
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgeq_f32(a, b), bits));
  }
};
constexpr int kRowsAtOnce = 6;
constexpr int kGroupsAtOnce = 1;

}  // namespace
}  // namespace nearvote::simd

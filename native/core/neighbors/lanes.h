// Numbers of single precision side by side: sixteen in registers that every CPU has, or one (float itself). Every lane
// is rounded as a float on its own would be.
#pragma once

#include <type_traits>

namespace nearvote {

typedef float Float4 __attribute__((vector_size(16)));
typedef float Element __attribute__((may_alias));
// A cache line.
struct Float16 {
  Float4 part[4];
};

template <class Op>
inline Float16 each(Op&& op) {
  return {{op(0), op(1), op(2), op(3)}};
}
inline Float16 operator+(const Float16& a, const Float16& b) {
  return each([&](int i) { return a.part[i] + b.part[i]; });
}
inline Float16 operator-(const Float16& a, const Float16& b) {
  return each([&](int i) { return a.part[i] - b.part[i]; });
}
inline Float16 operator*(const Float16& a, const Float16& b) {
  return each([&](int i) { return a.part[i] * b.part[i]; });
}
inline Float16 operator/(const Float16& a, const Float16& b) {
  return each([&](int i) { return a.part[i] / b.part[i]; });
}
inline Float16 operator*(float a, const Float16& b) {
  return each([&](int i) { return a * b.part[i]; });
}

template <class Vec>
inline Vec all_lanes(float value) {
  if constexpr (std::is_same_v<Vec, float>)
    return value;
  else
    return each([&](int) { return Float4{} + value; });
}

inline float positive(float value) { return value > 0 ? value : 0; }
inline Float16 positive(const Float16& value) {
  return each([&](int i) { return value.part[i] > Float4{} ? value.part[i] : Float4{}; });
}

// a / b where b is positive, else 0.
inline float share(float a, float b) { return b > 0 ? a / b : 0; }
inline Float16 share(const Float16& a, const Float16& b) {
  return each([&](int i) { return b.part[i] > Float4{} ? a.part[i] / b.part[i] : Float4{}; });
}

template <class Vec>
inline constexpr int kLanesOf = sizeof(Vec) / sizeof(float);

template <class Vec>
inline Element& lane_of(Vec& value, int lane) {
  return reinterpret_cast<Element*>(&value)[lane];
}
template <class Vec>
inline float lane_of(const Vec& value, int lane) {
  return reinterpret_cast<const Element*>(&value)[lane];
}

}  // namespace nearvote

// A filter that is wrong by nearly all that its bound admits, one way or the other: what every search must withstand.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/tests/check.h"
#include "core/tests/kernel_sets.h"

namespace nearvote::reference {

// While it lives, embedding sets are made for kernels that err like that, otherwise those given. One at a time.
class WrongFilter {
 public:
  explicit WrongFilter(const simd::Kernels& right) : wrong_(wrong(right)), use_(wrong_) {
    right_ = &right;
    tiles_ = 0;
    if (right.pack == nullptr) return;
    const uint8_t zeros[simd::kPanelStep] = {};
    uint8_t packed[simd::kPanelStep];
    right.pack(zeros, 1, packed);
    zero_ = packed[0];
  }

  int tiles() const { return tiles_; }  // computed so far

 private:
  static constexpr double kAllowed = 0.02;

  static simd::Kernels wrong(const simd::Kernels& right) {
    simd::Kernels out = right;
    out.name = "wrong";
    out.accumulation_error = [](int64_t) { return kAllowed; };
    out.product_f32 = product_f32;
    if (right.precision == simd::Precision::f32) return out;
    out.packed_error = [](int64_t) { return kAllowed; };
    out.product_packed = product_packed;
    return out;
  }

  // What was computed rightly errs by nearly the bound: of |x||y| + |bias|, from the squares of the norms.
  static void err(double row_squares, const double* lane_squares, double bias, int64_t row, int64_t group, float* out) {
    for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
      const double error = 0.98 * kAllowed * (std::sqrt(row_squares * lane_squares[lane]) + std::fabs(bias));
      const bool up = ((row * 7 + lane * 3 + group * 5 + tiles_) / 2) % 2 == 0;
      out[lane] += static_cast<float>(up ? error : -error);
    }
  }

  static void product_f32(const float* const* rows, int64_t row_count, const float* packed, int64_t groups,
                          int64_t depth, const float* bias, float* out, int64_t row_stride, int64_t group_stride) {
    right_->product_f32(rows, row_count, packed, groups, depth, bias, out, row_stride, group_stride);
    std::vector<double> of_rows(static_cast<size_t>(row_count));
    for (int64_t r = 0; r < row_count; ++r)
      for (int64_t k = 0; k < depth; ++k) of_rows[static_cast<size_t>(r)] += double(rows[r][k]) * rows[r][k];
    for (int64_t g = 0; g < groups; ++g) {
      double of_lanes[simd::kLanes] = {};
      for (int64_t at = 0; at < depth * simd::kLanes; ++at) {
        const double value = packed[g * depth * simd::kLanes + at];
        of_lanes[at % simd::kLanes] += value * value;
      }
      for (int64_t r = 0; r < row_count; ++r)
        err(of_rows[static_cast<size_t>(r)], of_lanes, bias == nullptr ? 0 : bias[r], r, g,
            out + g * group_stride + r * row_stride);
    }
    ++tiles_;
  }

  // Sum of squares of the values in four bytes of a panel. zero: what the code 0 is there.
  static double squares(const uint8_t* bytes, double scale, uint8_t zero) {
    double sum = 0;
    if (right_->precision == simd::Precision::int8) {
      for (int i = 0; i < 4; ++i) {
        const double value = scale * static_cast<int8_t>(bytes[i] - zero);
        sum += value * value;
      }
      return sum;
    }
    for (int i = 0; i < 4; i += 2) {
      const uint32_t bits = static_cast<uint32_t>(bytes[i] | bytes[i + 1] << 8) << 16;
      float value;
      std::memcpy(&value, &bits, sizeof value);
      sum += double(value) * value;
    }
    return sum;
  }

  static void product_packed(const simd::PackedRows* support, int64_t panels, const uint8_t* packed, const float* scale,
                             int64_t groups, int64_t steps, float* out, int64_t group_stride) {
    right_->product_packed(support, panels, packed, scale, groups, steps, out, group_stride);
    const int64_t size = steps * simd::kPanelStep;
    std::vector<double> of_rows(static_cast<size_t>(panels * simd::kLanes));
    for (int64_t at = 0; at < panels * size; at += 4) {
      const auto row = static_cast<size_t>(at / size * simd::kLanes + at / simd::kLineBytes % simd::kLanes);
      of_rows[row] += squares(support->panels + at, support->scale == nullptr ? 1 : support->scale[row], 0);
    }
    for (int64_t g = 0; g < groups; ++g) {
      double of_lanes[simd::kLanes] = {};
      for (int64_t at = 0; at < size; at += 4) {
        const int64_t lane = at / 4 % simd::kLanes;
        of_lanes[lane] += squares(packed + g * size + at, scale[g * simd::kLanes + lane], zero_);
      }
      for (int64_t r = 0; r < panels * simd::kLanes; ++r)
        err(of_rows[static_cast<size_t>(r)], of_lanes, support->bias == nullptr ? 0 : support->bias[r], r, g,
            out + g * group_stride + r * simd::kLanes);
    }
    ++tiles_;
  }

  static inline const simd::Kernels* right_ = nullptr;
  static inline int tiles_ = 0;
  static inline uint8_t zero_ = 0;  // what packing makes of the code 0
  const simd::Kernels wrong_;
  const UseKernels use_;
};

// On float32 operands and with every rounding of them.
template <class Body>
void with_wrong_filters(Body&& body) {
  for (const std::string& isa : usable_isas()) {
    const simd::Kernels& kernels = *simd::find_kernels(isa);
    if (kernels.precision == simd::Precision::f32 && &kernels != &simd::kBaseline) continue;
    const WrongFilter wrong(kernels);
    body();
    CHECK(wrong.tiles() > 0);
  }
}

}  // namespace nearvote::reference

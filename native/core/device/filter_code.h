// The filter of a device: for every query and group of support rows one 16-bit code, a monotone function of the largest
// filter score of the group. Filter score of query x and support row y, from their quantised forms:
//   cosine, dot:  x.y            l2:  x.y - |y|^2 / 2
// computed v differs from the exact s by at most `error` (per query, over the whole searched support):
//   |x.y - x~.y~| <= r_x |y~| + (|x~| + r_x) r_y, plus accumulation: tensor cores add blocks of products to a float32
//   accumulator and truncate, which 2 (depth + 16) 2^-23 |x~||y~| covers for blocks of four products and more.
//
// Codes are never decoded. If row w is at least as near as row b (s_w >= s_b), then v_w >= v_b - 2 error, and since
// code() is monotone and steps at most once per 1 / inverse_step,  code_w >= code_b - slack. So whatever may win has a
// code of at least (largest code of a known voter) - slack.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/device/hd.h"
#include "core/device/quantize.h"

namespace nearvote::device {

constexpr uint32_t kLargestCode = 65534;
constexpr uint32_t kClosed = 65535;  // as a bound: no code reaches it

// Largest values over the searched support.
struct SupportRange {
  double norm = 0, residual = 0;
  double half_square = 0;  // l2: |y|^2 / 2; else 0
};

struct alignas(16) QueryFilter {
  float scale;         // of the quantised query
  float inverse_step;  // codes per unit of score
  float offset;
  uint32_t slack;  // in codes
  double error;
  double squares;  // |x|^2
};

// False where a float32 score could overflow or vanish: such norms are decided without a filter.
NEARVOTE_HD bool filterable(double largest_query_norm, double largest_support_norm) {
  return largest_query_norm < 0x1p50 && largest_support_norm < 0x1p50 &&
         largest_query_norm * largest_support_norm > 0x1p-80;
}

// depth: products per score, padding included.
NEARVOTE_HD QueryFilter make_query_filter(const RowInfo& query, const SupportRange& support, int64_t depth) {
  const double norm = query.norm, residual = query.residual;
  const double product = norm * support.norm, magnitude = product + support.half_square;
  const double accumulation = 2 * static_cast<double>(depth + 16) * 0x1p-23;
  // The last terms: rounding of the epilogue, of the half square and of canonical keys; products below float32.
  const double error =
      (residual * support.norm + (norm + residual) * support.residual + accumulation * product + 0x1p-21 * magnitude) *
          (1 + 0x1p-20) +
      0x1p-100;
  const double low = -magnitude - error, high = product + error;
  QueryFilter out;
  out.scale = query.scale;
  out.inverse_step = static_cast<float>(kLargestCode / (high - low));
  out.offset = static_cast<float>(-low * static_cast<double>(out.inverse_step));
  const double slack = 2 * error * static_cast<double>(out.inverse_step) * (1 + 0x1p-20) + 3;
  out.slack = slack < kLargestCode ? static_cast<uint32_t>(slack) : kLargestCode;
  out.error = error;
  out.squares = query.squares;
  return out;
}

// The filter score from the raw float32 sum of products of halves.
NEARVOTE_HD float filter_score(float sum, float query_scale, float support_scale, float bias) {
  return fmaf(sum * query_scale, support_scale, bias);
}

// Monotone in the score; -inf gives 0.
NEARVOTE_HD uint32_t code_of(float score, float inverse_step, float offset) {
  const float at = fmaf(score, inverse_step, offset);
  return static_cast<uint32_t>(fminf(fmaxf(at, 0.0f), static_cast<float>(kLargestCode)));
}

// A bound on the codes of rows whose canonical key reaches `least_key`; kClosed where no row can reach it.
NEARVOTE_HD uint32_t code_of_key(const QueryFilter& query, double least_key, bool l2) {
  const double score = l2 ? (query.squares + least_key) / 2 - 0x1p-40 * (query.squares - least_key) : least_key;
  const double at =
      (score - query.error) * static_cast<double>(query.inverse_step) + static_cast<double>(query.offset) - 2;
  if (!(at < 65536)) return kClosed;
  return at <= 0 ? 0 : at >= kLargestCode ? kLargestCode : static_cast<uint32_t>(at);
}

}  // namespace nearvote::device

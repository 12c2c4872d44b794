// What kernels share with the host: quantiser, filter bound, codes, layout, canonical lanes, merge.
#include <algorithm>
#include <random>
#include <set>

#include "core/device/canonical_lane.h"
#include "core/device/filter_code.h"
#include "core/device/layout.h"
#include "core/device/merge.h"
#include "core/device/packed.h"
#include "core/neighbors/canonical.h"
#include "core/tests/check.h"

using namespace nearvote;
using namespace nearvote::device;

namespace {

constexpr float kInfinity = INFINITY;

std::vector<float> random_row(std::mt19937& rng, int64_t dims, int kind) {
  std::normal_distribution<float> normal;
  std::vector<float> row(static_cast<size_t>(dims));
  const float halfway = 1 + 0x1p-11f * (rng() % 2 == 0 ? 1.001f : 0.999f);
  for (float& value : row) switch (kind) {
      case 0:
        value = normal(rng);
        break;
      case 1:  // all roundings go the same way
        value = halfway;
        break;
      case 2:  // cancellation
        value = (&value - row.data()) % 2 == 0 ? halfway : -halfway;
        break;
      case 3:  // one large element over many that become subnormal halves
        value = &value == row.data() ? 1.0f : normal(rng) * 0x1p-28f;
        break;
      case 4:
        value = normal(rng) * 1e-40f;  // subnormal floats
        break;
      default:
        value = normal(rng) * std::ldexp(1.0f, static_cast<int>(rng() % 40) - 20);
    }
  return row;
}

struct Quantized {
  std::vector<uint16_t> halves;
  int exponent;
  RowInfo info;
};

Quantized quantize_row(const std::vector<float>& row) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::fabs(value));
  Quantized out{{}, row_exponent(largest), {}};
  double squares = 0, kept = 0, lost = 0;
  for (const float value : row) {
    out.halves.push_back(quantize(value, out.exponent));
    const double rounded = dequantize(out.halves.back(), out.exponent), exact = static_cast<double>(value);
    squares += exact * exact;
    kept += rounded * rounded;
    lost += (exact - rounded) * (exact - rounded);
  }
  out.info = {static_cast<float>(power_of_two(out.exponent)), norm_above(kept), norm_above(lost), largest == 0,
              squares};
  return out;
}

// The float32 sum a tensor core might give: blocks of `block` products, every addition truncated.
float tensor_sum(const Quantized& x, const Quantized& y, size_t block) {
  float sum = 0;
  for (size_t i = 0; i < x.halves.size(); i += block) {
    double exact = static_cast<double>(sum);
    for (size_t k = i; k < std::min(x.halves.size(), i + block); ++k)
      exact += static_cast<double>(float_from_half(x.halves[k])) * static_cast<double>(float_from_half(y.halves[k]));
    sum = static_cast<float>(exact);
    if (std::fabs(static_cast<double>(sum)) > std::fabs(exact)) sum = std::nextafter(sum, 0.0f);
  }
  return sum;
}

}  // namespace

TEST(halves_follow_the_format) {
  // Every half is a fixed point, and the middle between two neighbours goes to the even one.
  bool fixed = true, even = true;
  for (uint32_t h = 0; h < 0x7bff; ++h) {
    const auto low = static_cast<uint16_t>(h), high = static_cast<uint16_t>(h + 1);
    fixed = fixed && half_from_float(float_from_half(low)) == low;
    const float middle = (float_from_half(low) + float_from_half(high)) / 2;
    even = even && half_from_float(middle) == (h % 2 == 0 ? low : high);
    even = even && half_from_float(std::nextafter(middle, 0.0f)) == low;
    even = even && half_from_float(-std::nextafter(middle, kInfinity)) == (high | 0x8000u);
  }
  CHECK(fixed);
  CHECK(even);
  CHECK(float_from_half(0x3c00) == 1 && float_from_half(0x0001) == 0x1p-24f && float_from_half(0x7bff) == 65504);
}

TEST(a_rows_largest_element_fills_the_format) {
  for (const float x : {1.0f, 0.75f, 3e38f, 1e-38f, 1e-45f, 65504.0f}) {
    const int e = row_exponent(x);
    const double scaled = static_cast<double>(x) * power_of_two(-e);
    CHECK(scaled >= 0x1p14 && scaled < 0x1p15);
    CHECK(std::fabs(dequantize(quantize(x, e), e) / static_cast<double>(x) - 1) <= 0x1p-11);
  }
  CHECK(row_exponent(0) == 0);
}

TEST(the_filter_error_is_never_exceeded_and_codes_keep_the_order) {
  std::mt19937 rng(3);
  bool within = true, kept = true, reached = true;
  double closest = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const int64_t dims = 1 + static_cast<int64_t>(rng() % 300);
    const bool l2 = trial % 2 == 0;
    const std::vector<float> x = random_row(rng, dims, static_cast<int>(rng() % 6));
    const Quantized qx = quantize_row(x);
    std::vector<std::vector<float>> rows;
    std::vector<Quantized> quantized;
    SupportRange range;
    const int kind = static_cast<int>(rng() % 7);
    for (int i = 0; i < 24; ++i) {
      rows.push_back(i % 6 == 5 ? rows.front() : random_row(rng, dims, kind == 6 ? i % 6 : kind));
      quantized.push_back(quantize_row(rows.back()));
      const RowInfo& info = quantized.back().info;
      range.norm = std::max<double>(range.norm, info.norm);
      range.residual = std::max<double>(range.residual, info.residual);
      if (l2) range.half_square = std::max(range.half_square, info.squares / 2);
    }
    if (!filterable(qx.info.norm, range.norm)) continue;
    const QueryFilter filter = make_query_filter(qx.info, range, dims);
    std::vector<double> keys;
    std::vector<uint32_t> codes;
    for (size_t i = 0; i < rows.size(); ++i) {
      const RowInfo& info = quantized[i].info;
      const float bias = l2 ? static_cast<float>(-info.squares / 2) : 0.0f;
      const float sum = tensor_sum(qx, quantized[i], trial % 3 == 0 ? 4 : 16);
      const float score = filter_score(sum, filter.scale, info.scale, bias);
      const double exact = canonical_dot(x.data(), rows[i].data(), dims) - (l2 ? info.squares / 2 : 0);
      const double error = std::fabs(static_cast<double>(score) - exact);
      within = within && error <= filter.error;
      closest = std::max(closest, error / filter.error);
      keys.push_back(canonical_key(l2 ? Metric::l2 : Metric::dot, x.data(), rows[i].data(), dims));
      codes.push_back(code_of(score, filter.inverse_step, filter.offset));
    }
    for (size_t w = 0; w < rows.size(); ++w) {
      for (size_t b = 0; b < rows.size(); ++b)
        if (keys[w] >= keys[b]) kept = kept && codes[w] + filter.slack >= codes[b];
      reached = reached && codes[w] >= code_of_key(filter, keys[w], l2);
    }
  }
  CHECK(within);
  CHECK(kept);
  CHECK(reached);
  CHECK(closest > 0.1);  // the data come near the bound
}

TEST(bounds_on_keys_close_what_nothing_reaches) {
  const Quantized row = quantize_row({1, 2, 3});
  const QueryFilter filter = make_query_filter(row.info, {4, 0.001, 0}, 3);
  CHECK(code_of_key(filter, INFINITY, false) == kClosed && code_of_key(filter, INFINITY, true) == kClosed);
  CHECK(code_of_key(filter, -INFINITY, false) == 0 && code_of_key(filter, -INFINITY, true) == 0);
  CHECK(code_of(-kInfinity, filter.inverse_step, filter.offset) == 0);
  CHECK(code_of(1e30f, filter.inverse_step, filter.offset) == kLargestCode);
  CHECK(!filterable(INFINITY, 1) && !filterable(1e-30, 1e-30) && filterable(1, 1));
}

TEST(layout_maps_are_bijections) {
  for (const int size : {1, 4}) {
    std::set<int64_t> seen;
    for (int64_t group = 0; group < 512 / size; ++group)
      for (int member = 0; member < size; ++member) {
        const int64_t position = position_in(group, member, size);
        CHECK(group_of(position, size) == group);
        seen.insert(position);
      }
    CHECK(seen.size() == 512 && *seen.rbegin() == 511);
  }
  std::set<int> queries;
  for (int word = 0; word < kWords; ++word)
    for (int half = 0; half < 2; ++half) {
      const int query = query_of(word, half);
      CHECK(word_of(query) == word && half_of(query) == half);
      queries.insert(query);
    }
  CHECK(queries.size() == 64 && *queries.rbegin() == 63);
}

TEST(packed_words_compare_half_by_half) {
  for (const uint32_t a : {0u, 1u, 0x7fffu, 0x8000u, 0xfffeu, 0xffffu})
    for (const uint32_t b : {0u, 1u, 0x7fffu, 0x8000u, 0xfffeu, 0xffffu}) {
      const uint32_t x = pack(a, b), y = pack(b, a);
      CHECK(packed_max(x, y) == pack(std::max(a, b), std::max(a, b)));
      CHECK(packed_reaches(x, y) == ((a >= b ? 0xffffu : 0u) | (b >= a ? 0xffff0000u : 0u)));
    }
  CHECK(saturating_sub(3, 5) == 0 && saturating_sub(5, 3) == 2);
}

TEST(eight_lanes_give_the_canonical_bits) {
  std::mt19937 rng(9);
  for (const int64_t dims : {1, 7, 8, 9, 64, 100, 768})
    for (const bool l2 : {false, true}) {
      const std::vector<float> x = random_row(rng, dims, 0), y = random_row(rng, dims, 5);
      double sums[8];
      for (int lane = 0; lane < 8; ++lane) sums[lane] = lane_sum(x.data(), y.data(), dims, lane, l2);
      for (int distance = 4; distance > 0; distance /= 2)
        for (int lane = 0; lane < distance; ++lane) sums[lane] = exact_add(sums[lane], sums[lane + distance]);
      CHECK(key_of_sum(sums[0], l2) == canonical_key(l2 ? Metric::l2 : Metric::dot, x.data(), y.data(), dims));
    }
}

TEST(voters_merge_in_any_order) {
  const int8_t votes[] = {1, 1, 2, 1};
  const auto class_of = [&](int32_t row) { return votes[row]; };
  const double keys[] = {0.5, 0.7, 0.7, 0.7};
  std::vector<int32_t> order{0, 1, 2, 3};
  do {
    NearvoteWinner winner{-INFINITY, -1, 0};
    for (const int32_t row : order) merge_voter(winner, keys[row], row, class_of);
    CHECK(winner.key == 0.7 && winner.row == 1 && winner.contested == 1);
  } while (std::next_permutation(order.begin(), order.end()));
  NearvoteWinner winner{-INFINITY, -1, 0};
  for (const int32_t row : {3, 1, 0}) merge_voter(winner, keys[row], row, class_of);
  CHECK(winner.row == 1 && winner.contested == 0);
}

CHECK_MAIN

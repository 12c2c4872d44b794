// Matrices of scores against float64 sums, by their documented bound, on rows that hurt; on every instruction set the
// same bits for any thread count, and for a set with itself those of the whole computation.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "core/neighbors/digits.h"
#include "core/neighbors/embedding_set.h"
#include "core/neighbors/pairwise.h"
#include "core/tests/check.h"
#include "core/tests/kernel_sets.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Floats;
using ref::Kind;

namespace {

constexpr std::array kMetrics{Metric::cosine, Metric::dot, Metric::l2};

double bound_of_dot(int64_t dims) { return static_cast<double>(dims + 8) * 0x1p-24; }

PairwiseOutput output_of(Metric metric) {
  return metric == Metric::dot ? PairwiseOutput::similarity : PairwiseOutput::distance;
}

std::vector<float> matrix(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, int threads = 2,
                          bool precise = false) {
  std::vector<float> out(static_cast<size_t>(a.rows() * b.rows()));
  PairwiseOptions options;
  options.threads = threads;
  options.precise = precise;
  pairwise(a, b, output, out.data(), options);
  return out;
}

// Every |value - exact| is within the bound that pairwise.h states.
bool within_bound(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, const std::vector<float>& out) {
  const int64_t dims = a.dims();
  const auto squares_of = [dims](const EmbeddingSet& set) {
    std::vector<double> squares;
    for (int64_t i = 0; i < set.rows(); ++i) squares.push_back(ref::dot(set.row(i), set.row(i), dims));
    return squares;
  };
  const std::vector<double> squares_a = squares_of(a), squares_b = squares_of(b);
  for (int64_t i = 0; i < a.rows(); ++i)
    for (int64_t j = 0; j < b.rows(); ++j) {
      const double value = out[static_cast<size_t>(i * b.rows() + j)];
      const double norms = std::sqrt(squares_a[static_cast<size_t>(i)] * squares_b[static_cast<size_t>(j)]);
      double bound = bound_of_dot(dims) * norms + static_cast<double>(dims) * 0x1p-149, exact;
      if (a.metric() == Metric::l2) {
        exact = std::sqrt(ref::squared_distance(a.row(i), b.row(j), dims));
        if (exact == 0) bound = 0;
        if (exact > 0) bound = 2 * bound / (value + exact) + 0x1.001p-24 * exact;
      } else {
        exact = ref::dot(a.row(i), b.row(j), dims);
        if (output == PairwiseOutput::distance) {
          exact = 1 - exact;
          bound += 0x1p-24 * std::fabs(exact) * 1.01;
        }
      }
      if (value == static_cast<double>(static_cast<float>(exact))) continue;  // infinite ones too
      const double error = std::fabs(value - exact);
      if (!(error <= bound)) return false;
    }
  return true;
}

void check_pair(const Floats& x, const Floats& y, Metric metric) {
  const EmbeddingSet a(x.view(), metric, {}, "a", 0, Packing::none), b(y.view(), metric, {}, "b", 0, Packing::none);
  const std::vector<float> out = matrix(a, b, output_of(metric), 1);
  CHECK(within_bound(a, b, output_of(metric), out));
  for (const int threads : {2, 3}) CHECK(ref::same(matrix(a, b, output_of(metric), threads), out));
}

// One value of every row 1000 times the rest: what scales a row says little of its other values.
Floats spiked(int64_t rows, int64_t cols, unsigned seed) {
  Floats out = ref::embeddings(Kind::random, rows, cols, seed);
  for (int64_t i = 0; i < rows; ++i)
    out.data[static_cast<size_t>(i * cols + (i / 2) % cols)] = i % 3 == 0 ? 1000 : -1000;
  return out;
}

// Rows whose second and third digits are as large as they get beside a few values that are nearly the whole norm, all
// products of one sign: what a product of digits leaves out adds up, to 7.8 / large times the bound with three orders.
Floats against_digits(int64_t rows, int64_t cols, int64_t large, float scale) {
  Floats out{std::vector<float>(static_cast<size_t>(rows * cols)), rows, cols};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < cols; ++c) {
      const float value = c < large ? (i + c) % 2 ? 64.0f : -64.0f : c % 3 ? 32639 * 0x1p-16f : -32639 * 0x1p-16f;
      out.data[static_cast<size_t>(i * cols + c)] = scale * value;
    }
  return out;
}

Floats scaled(Floats rows, float factor) {
  for (float& x : rows.data) x *= factor;
  return rows;
}

}  // namespace

TEST(dots_are_within_their_bound_around_every_boundary) {
  for (const int64_t dims : {1, 2, 15, 16, 17, 63, 64, 65, 95, 96, 127, 128, 129, 383, 384, 768, 1536}) {
    const auto seed = static_cast<unsigned>(dims);
    const std::array pairs{std::pair{ref::embeddings(Kind::clustered, 70, dims, seed),
                                     ref::embeddings(Kind::clustered, 83, dims, seed + 1)},
                           std::pair{spiked(67, dims, seed), spiked(64, dims, seed + 1)},
                           std::pair{against_digits(65, dims, 1, 1), against_digits(66, dims, 1, 4)}};
    ref::on_every_isa([&] {
      for (const auto& [x, y] : pairs)
        for (const Metric metric : kMetrics) check_pair(x, y, metric);
    });
  }
}

TEST(dots_are_within_their_bound_on_every_kind_of_rows) {
  unsigned seed = 100;
  for (const Kind kind : ref::all_kinds())
    for (const int64_t dims : {33, 130}) {
      const Floats x = ref::embeddings(kind, 81, dims, ++seed), y = ref::embeddings(kind, 64, dims, ++seed);
      ref::on_every_isa([&] {
        for (const Metric metric : kMetrics) check_pair(x, y, metric);
      });
    }
}

TEST(as_many_orders_of_digits_as_the_bound_needs) {
  for (const int64_t dims : {96, 300, 768, 2000})
    for (const int64_t large : {1, 2, 3, 4, 5, 6, 7, 8, 12, 16})
      ref::on_every_isa([&] {
        if (simd::active_kernels().split_digits == nullptr) return;
        const Floats x = against_digits(64, dims, large, 1);
        check_pair(x, x, Metric::dot);
      });
}

TEST(norms_of_any_size) {
  const Floats x = ref::embeddings(Kind::mixed_norm, 70, 96, 1), y = spiked(70, 96, 2);
  const Floats zero{std::vector<float>(70 * 96), 70, 96};
  ref::on_every_isa([&] {
    for (const float factor : {0x1p-145f, 0x1p-100f, 0x1p-60f, 0x1p-30f, 0x1p30f, 0x1p60f, 0x1p100f})
      for (const Metric metric : kMetrics) {
        check_pair(scaled(x, factor), y, metric);
        check_pair(x, scaled(y, factor), metric);
        if (factor > 0x1p-100f) check_pair(scaled(x, factor), scaled(x, 1 / factor), metric);
      }
    for (const Metric metric : kMetrics) check_pair(zero, y, metric);
  });
}

TEST(digits_restate_their_row) {
  ref::on_every_isa([&] {
    const simd::Kernels& kernels = simd::active_kernels();
    if (kernels.split_digits == nullptr) return;
    for (const int64_t dims : {1, 16, 63, 64, 65, 200})
      for (const float factor : {0x1p-148f, 1.0f, 0x1p100f})
        for (const Floats& rows : {spiked(9, dims, 3), ref::embeddings(Kind::zero_rows, 9, dims, 4),
                                   against_digits(9, dims, 1, 127.49f / 64)}) {
          const Floats x = scaled(rows, factor);
          const EmbeddingSet set(x.view(), Metric::dot, {}, "x", 0, Packing::none);
          DigitRows digits(set, 16, false);
          digits.load(0, 9, 1, {});
          bool close = true;
          double spread = 0;
          for (int64_t i = 0; i < 9; ++i) {
            const double unit = std::exp2(static_cast<double>(digits.exponents(0)[i]));
            double squares = 0;
            for (int64_t k = 0; k < digits.steps() * 64; ++k) {
              const auto digit = [&](int64_t d) {
                return static_cast<double>(static_cast<int8_t>(
                    digits.panel(0)[(k / 64 * simd::kDigits + d) * simd::kPanelStep + i * 64 + k % 64]));
              };
              const double value = k < dims ? set.row(i)[k] : 0;
              close =
                  close && std::fabs(unit * (digit(0) + digit(1) / 256 + digit(2) / 65536) - value) <= unit * 0x1p-17;
              squares += value * value;
            }
            if (squares > 0) spread = std::max(spread, std::sqrt(static_cast<double>(dims) / squares) * unit);
          }
          CHECK(close);
          CHECK(digits.spread() >= spread && digits.spread() <= 1.01 * spread);
        }
  });
}

TEST(three_orders_where_they_do_and_four_where_they_do_not) {
  ref::on_every_isa([&] {
    if (simd::active_kernels().split_digits == nullptr) return;
    const auto orders = [](const Floats& rows) {
      const EmbeddingSet set(rows.view(), Metric::cosine, {}, "rows", 0, Packing::none);
      DigitRows digits(set, rows.rows, false);
      digits.load(0, rows.rows, 1, {});
      return digit_orders(digits, digits);
    };
    CHECK(orders(ref::embeddings(Kind::clustered, 40, 384, 1)) == 3);
    CHECK(orders(spiked(40, 384, 1)) == 4);
  });
}

TEST(sums_of_digits_as_long_as_they_may_be_and_longer) {
  for (const int64_t dims : {DigitRows::kMaxDims, DigitRows::kMaxDims + 1}) {
    Floats x{std::vector<float>(static_cast<size_t>(64 * dims), 8355711.0f), 64, dims};  // digits 127, 127, 127
    for (int64_t k = 1; k < dims; ++k) x.data[static_cast<size_t>(dims + k)] = -8421376.0f + 0x1p16f;  // -127, -128, 0
    ref::on_every_isa([&] {
      if (simd::active_kernels().split_digits != nullptr) check_pair(x, x, Metric::dot);
    });
  }
}

TEST(a_set_with_itself_has_the_bits_of_two_equal_sets) {
  for (const int64_t rows : {5, 64, 300, 777})
    for (const int64_t dims : {3, 100}) {
      const Floats x = ref::embeddings(Kind::near_ties, rows, dims, 9);
      ref::on_every_isa([&] {
        for (const Metric metric : kMetrics) {
          const EmbeddingSet a(x.view(), metric), b(x.view(), metric);
          const std::vector<float> whole = matrix(a, b, output_of(metric), 1);
          for (const int threads : {1, 2, 3}) CHECK(ref::same(matrix(a, a, output_of(metric), threads), whole));
        }
      });
    }
}

TEST(more_rows_than_digits_are_kept_of) {
  const Floats x = ref::embeddings(Kind::clustered, 4200, 96, 11), y = spiked(70, 96, 12);
  ref::on_every_isa([&] {
    if (simd::active_kernels().split_digits == nullptr) return;
    check_pair(x, y, Metric::cosine);
    check_pair(y, x, Metric::dot);
    const EmbeddingSet a(x.view(), Metric::dot), b(x.view(), Metric::dot);
    CHECK(ref::same(matrix(a, a, PairwiseOutput::similarity), matrix(a, b, PairwiseOutput::similarity)));
  });
}

TEST(precise_matrices_are_canonical) {
  for (const Kind kind : {Kind::random, Kind::duplicates, Kind::zero_rows, Kind::mixed_norm, Kind::far_from_origin})
    for (const int64_t dims : {1, 3, 17, 64, 131}) {
      const Floats x = ref::embeddings(kind, 37, dims, 5), y = ref::embeddings(kind, 71, dims, 6);
      ref::on_every_isa([&] {
        for (const Metric metric : kMetrics) {
          const EmbeddingSet a(x.view(), metric), b(y.view(), metric);
          const std::vector<double> keys = ref::keys(x, y, metric);
          const std::vector<float> out = matrix(a, b, output_of(metric), 2, true);
          bool exact = true;
          for (size_t i = 0; i < keys.size(); ++i) {
            const double score = ref::score(metric, keys[i]);
            exact = exact && out[i] == static_cast<float>(metric == Metric::cosine ? 1 - score : score);
          }
          CHECK(exact);
        }
      });
    }
}

TEST(packed_rows_give_the_bits_of_plain_ones) {
  const Floats x = ref::embeddings(Kind::clustered, 90, 100, 21), y = ref::embeddings(Kind::clustered, 70, 100, 22);
  ref::on_every_isa([&] {
    for (const Metric metric : kMetrics)
      CHECK(ref::same(matrix({x.view(), metric}, {y.view(), metric}, output_of(metric)),
                      matrix({x.view(), metric, {}, "x", 0, Packing::none},
                             {y.view(), metric, {}, "y", 0, Packing::none}, output_of(metric))));
  });
}

TEST(similarities_and_distances_of_cosine_add_up) {
  const Floats x = ref::embeddings(Kind::clustered, 75, 100, 31);
  ref::on_every_isa([&] {
    const EmbeddingSet a(x.view(), Metric::cosine), b(x.view(), Metric::cosine);
    const std::vector<float> similarities = matrix(a, b, PairwiseOutput::similarity);
    CHECK(within_bound(a, b, PairwiseOutput::similarity, similarities));
    std::vector<float> distances;
    for (const float similarity : similarities) distances.push_back(1 - similarity);
    CHECK(ref::same(matrix(a, b, PairwiseOutput::distance), distances));
  });
}

TEST(distances_of_equal_rows_are_zero) {
  const Floats x = ref::embeddings(Kind::far_from_origin, 80, 96, 3);
  ref::on_every_isa([&] {
    const EmbeddingSet a(x.view(), Metric::l2), b(x.view(), Metric::l2);
    const std::vector<float> out = matrix(a, b, PairwiseOutput::distance),
                             self = matrix(a, a, PairwiseOutput::distance);
    for (size_t i = 0; i < 80; ++i) CHECK(out[i * 81] == 0 && self[i * 81] == 0);
  });
}

CHECK_MAIN

// Transforms against what they promise: centred, identity covariance, no variance along the top; eigenvectors that
// solve their equation.
#include <random>

#include "core/neighbors/embedding_transform.h"
#include "core/tests/check.h"

using namespace nearvote;

namespace {

constexpr int64_t kRows = 400, kDims = 12;

// Correlated rows far from the origin.
std::vector<float> sample(unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<double> normal;
  std::vector<double> mixing(kDims * kDims);
  for (double& value : mixing) value = normal(rng);
  std::vector<float> rows;
  for (int64_t i = 0; i < kRows; ++i) {
    std::vector<double> z(kDims);
    for (double& value : z) value = normal(rng);
    for (int64_t j = 0; j < kDims; ++j) {
      double x = 3;
      for (int64_t k = 0; k < kDims; ++k) x += mixing[static_cast<size_t>(j * kDims + k)] * z[static_cast<size_t>(k)];
      rows.push_back(static_cast<float>(x));
    }
  }
  return rows;
}

// Entry (a, b) of the second moment of rows x columns values, and the mean of column a.
double moment(const std::vector<float>& rows, int64_t columns, int64_t a, int64_t b) {
  double sum = 0;
  const int64_t n = static_cast<int64_t>(rows.size()) / columns;
  for (int64_t i = 0; i < n; ++i)
    sum += static_cast<double>(rows[static_cast<size_t>(i * columns + a)]) * rows[static_cast<size_t>(i * columns + b)];
  return sum / static_cast<double>(n);
}
double mean(const std::vector<float>& rows, int64_t columns, int64_t a) {
  double sum = 0;
  for (size_t at = static_cast<size_t>(a); at < rows.size(); at += static_cast<size_t>(columns)) sum += rows[at];
  return sum * static_cast<double>(columns) / static_cast<double>(rows.size());
}

std::vector<float> transformed(const EmbeddingTransform& t, const std::vector<float>& rows, int threads = 0) {
  const FloatMatrix matrix{rows.data(), static_cast<int64_t>(rows.size()) / kDims, kDims};
  std::vector<float> out(static_cast<size_t>(matrix.rows * t.out_dims));
  apply_transform(t, matrix, out.data(), threads);
  return out;
}

}  // namespace

TEST(eigenvectors_solve_their_equation) {
  for (const int64_t d : {1, 2, 7, 40}) {
    std::mt19937 rng(static_cast<unsigned>(d));
    std::normal_distribution<double> normal;
    std::vector<double> a(static_cast<size_t>(d * d));
    for (int64_t i = 0; i < d; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        a[static_cast<size_t>(i * d + j)] = a[static_cast<size_t>(j * d + i)] = normal(rng);
      }
    }
    auto v = a;
    const auto values = symmetric_eigen(v, d);
    for (int64_t e = 0; e < d; ++e) {
      if (e > 0) CHECK(values[static_cast<size_t>(e - 1)] >= values[static_cast<size_t>(e)]);
      for (int64_t i = 0; i < d; ++i) {
        double product = 0, overlap = 0;
        for (int64_t j = 0; j < d; ++j) {
          product += a[static_cast<size_t>(i * d + j)] * v[static_cast<size_t>(e * d + j)];
          overlap += v[static_cast<size_t>(i * d + j)] * v[static_cast<size_t>(e * d + j)];
        }
        CHECK_NEAR(product, values[static_cast<size_t>(e)] * v[static_cast<size_t>(e * d + i)],
                   1e-12 * static_cast<double>(d + 4));
        CHECK_NEAR(overlap, i == e ? 1 : 0, 1e-12 * static_cast<double>(d + 4));
      }
    }
  }
}

TEST(equal_and_zero_eigenvalues) {
  std::vector<double> same = {2, 0, 0, 0, 2, 0, 0, 0, 2}, none(16, 0.0);
  for (const double value : symmetric_eigen(same, 3)) CHECK_NEAR(value, 2, 1e-15);
  for (const double value : symmetric_eigen(none, 4)) CHECK(value == 0);
}

TEST(centring_moves_the_mean_to_zero) {
  const auto rows = sample(1);
  const auto t = fit_transform({rows.data(), kRows, kDims}, TransformKind::centre, 0, false);
  const auto out = transformed(t, rows);
  CHECK(t.out_dims == kDims);
  for (int64_t a = 0; a < kDims; ++a) {
    CHECK_NEAR(mean(out, kDims, a), 0, 1e-5);
    CHECK_NEAR(out[static_cast<size_t>(a)] - out[static_cast<size_t>(kDims + a)],
               rows[static_cast<size_t>(a)] - rows[static_cast<size_t>(kDims + a)], 1e-5);
  }
}

TEST(whitening_gives_the_identity_covariance) {
  const auto rows = sample(2);
  for (const int64_t kept : {kDims, int64_t{5}}) {
    const auto t = fit_transform({rows.data(), kRows, kDims}, TransformKind::whiten, kept, false);
    const auto out = transformed(t, rows);
    CHECK(t.out_dims == kept);
    for (int64_t a = 0; a < kept; ++a) {
      CHECK_NEAR(mean(out, kept, a), 0, 1e-5);
      for (int64_t b = 0; b < kept; ++b) CHECK_NEAR(moment(out, kept, a, b), a == b ? 1 : 0, 1e-5);
    }
  }
}

TEST(whitening_leaves_out_directions_without_variance) {
  auto rows = sample(3);
  for (int64_t i = 0; i < kRows; ++i) rows[static_cast<size_t>(i * kDims + 4)] = 7;
  CHECK(fit_transform({rows.data(), kRows, kDims}, TransformKind::whiten, kDims, false).out_dims == kDims - 1);
  const std::vector<float> constant(static_cast<size_t>(3 * kDims), 1.0f);
  CHECK(fit_transform({constant.data(), 3, kDims}, TransformKind::whiten, kDims, false).out_dims == 0);
}

TEST(the_top_direction_is_removed_and_distances_along_the_others_stay) {
  // Variance 100 along (1, 1) / sqrt 2, 1 along (1, -1) / sqrt 2.
  std::mt19937 rng(5);
  std::normal_distribution<double> normal;
  std::vector<float> rows;
  std::vector<double> small;
  for (int64_t i = 0; i < 500; ++i) {
    const double big = 10 * normal(rng), other = normal(rng);
    small.push_back(other);
    rows.push_back(static_cast<float>((big + other) / std::sqrt(2.0)));
    rows.push_back(static_cast<float>((big - other) / std::sqrt(2.0)));
  }
  const auto t = fit_transform({rows.data(), 500, 2}, TransformKind::all_but_the_top, 1, false);
  std::vector<float> out(500);
  apply_transform(t, {rows.data(), 500, 2}, out.data());
  double agreement = 0, size = 0;
  for (size_t i = 1; i < 500; ++i) {
    agreement += std::fabs(out[i] - out[0]) * std::fabs(small[i] - small[0]);
    size += (small[i] - small[0]) * (small[i] - small[0]);
  }
  CHECK_NEAR(agreement / size, 1, 0.05);
}

TEST(unit_rows_and_threads) {
  auto rows = sample(6);
  const FloatMatrix matrix{rows.data(), kRows, kDims};
  const auto t = fit_transform(matrix, TransformKind::whiten, 6, true, 1);
  CHECK(t.mean == fit_transform(matrix, TransformKind::whiten, 6, true, 4).mean);
  CHECK(t.projection == fit_transform(matrix, TransformKind::whiten, 6, true, 4).projection);
  const auto out = transformed(t, rows, 1);
  CHECK(out == transformed(t, rows, 4));
  for (float& value : rows) value *= 4;  // an exact scale changes no unit row
  CHECK(out == transformed(t, rows));
}

CHECK_MAIN

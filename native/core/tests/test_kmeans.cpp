// Partitions: separated clusters are found, every row is with its nearest centre, centres are the means of their rows.
#include <algorithm>
#include <random>
#include <set>

#include "core/base/error.h"
#include "core/neighbors/kmeans.h"
#include "core/tests/check.h"

using namespace nearvote;

namespace {

// n points around `clusters` corners far from each other; point i belongs to corner i % clusters.
std::vector<float> corners(int64_t n, int64_t dims, int64_t clusters, float spread) {
  std::mt19937 rng(3);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<size_t>(n * dims));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < dims; ++j) {
      out[static_cast<size_t>(i * dims + j)] = spread * normal(rng) + (j == i % clusters ? 10.0f : 0.0f);
    }
  }
  return out;
}

}  // namespace

TEST(separated_clusters_are_found) {
  const int64_t n = 700, dims = 6;
  for (const int64_t k : {2, 4, 6}) {
    const std::vector<float> points = corners(n, dims, k, .5f);
    const Rows rows{points.data(), n, dims, dims};
    const std::vector<double> centres = fit_partitions(rows, k);
    std::vector<int32_t> of(static_cast<size_t>(n));
    assign_partitions(rows, centres, k, of.data());
    std::set<int32_t> used;
    for (int64_t c = 0; c < k; ++c) used.insert(of[static_cast<size_t>(c)]);
    CHECK(static_cast<int64_t>(used.size()) == k);
    for (int64_t i = 0; i < n; ++i) CHECK(of[static_cast<size_t>(i)] == of[static_cast<size_t>(i % k)]);
    for (int64_t c = 0; c < k; ++c) {
      for (int64_t j = 0; j < dims; ++j) {
        double sum = 0, members = 0;
        for (int64_t i = 0; i < n; ++i) {
          if (of[static_cast<size_t>(i)] != c) continue;
          sum += points[static_cast<size_t>(i * dims + j)];
          ++members;
        }
        CHECK_NEAR(centres[static_cast<size_t>(c * dims + j)], sum / members, 1e-9);
      }
    }
  }
}

TEST(the_same_bits_for_any_thread_count_and_stride) {
  const int64_t n = 900, dims = 5, k = 7;
  const std::vector<float> points = corners(n, dims, 3, 4);
  std::vector<float> apart(static_cast<size_t>(n * 8), -1.0f);
  for (int64_t i = 0; i < n; ++i) std::copy_n(points.begin() + i * dims, dims, apart.begin() + i * 8);
  const std::vector<double> one = fit_partitions({points.data(), n, dims, dims}, k, 1);
  CHECK(fit_partitions({apart.data(), n, dims, 8}, k, 3) == one);
  std::vector<int32_t> a(static_cast<size_t>(n)), b(static_cast<size_t>(n));
  assign_partitions({points.data(), n, dims, dims}, one, k, a.data(), 1);
  assign_partitions({apart.data(), n, dims, 8}, one, k, b.data(), 3);
  CHECK(a == b);
}

TEST(duplicates_and_limits) {
  const std::vector<float> same(20, 1.0f);
  const std::vector<double> centres = fit_partitions({same.data(), 10, 2, 2}, 3);
  std::vector<int32_t> of(10);
  assign_partitions({same.data(), 10, 2, 2}, centres, 3, of.data());
  CHECK(std::all_of(of.begin(), of.end(), [](int32_t c) { return c == 0; }));
  CHECK_THROWS(fit_partitions({same.data(), 10, 2, 2}, 11), InvalidArgument);
  CHECK_THROWS(fit_partitions({same.data(), 10, 2, 2}, 0), InvalidArgument);
}

CHECK_MAIN

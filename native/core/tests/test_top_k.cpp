// Top-k: every instruction set, thread count and query chunk gives the float64 brute-force answer, ties to the lower
// index, bit for bit; so does a filter that errs as badly as its bound allows.
#include <algorithm>

#include "core/neighbors/filter.h"
#include "core/neighbors/self_join.h"
#include "core/tests/top_k_problem.h"
#include "core/tests/wrong_filter.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Kind;
using ref::TopKProblem;

namespace {

constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::l2};

// A set with itself, by half the products.
void check_self_join(const TopKProblem& problem, bool by_locality, int threads) {
  const EmbeddingSet set(problem.s.view(), problem.metric);
  if (!filterable(set, set)) return;
  for (const int64_t k : problem.ks) {
    ref::TopK got{std::vector<int32_t>(static_cast<size_t>(set.rows() * k)),
                  std::vector<float>(static_cast<size_t>(set.rows() * k))};
    int32_t progress = 0;
    JobControl job;
    job.progress = &progress;
    self_join(set, k, by_locality, threads, job, [&](int64_t row, const std::vector<Hit>& hits) {
      for (int64_t r = 0; r < k; ++r) {
        const Hit& hit = hits[static_cast<size_t>(r)];
        got.indices[static_cast<size_t>(row * k + r)] = hit.row;
        got.scores[static_cast<size_t>(row * k + r)] = static_cast<float>(ref::score(problem.metric, hit.key));
      }
    });
    const ref::TopK wanted = problem.nearest(0, set.rows(), k);
    CHECK(got.indices == wanted.indices);
    CHECK(ref::same(got.scores, wanted.scores));
    CHECK(progress == 1000);
  }
}

}  // namespace

// Few queries: the support in segments. k = 80 of 600: every pair canonically.
TEST(every_kind_of_data_on_every_path) {
  unsigned seed = 1;
  for (Kind kind : ref::all_kinds())
    for (Metric metric : kMetrics) TopKProblem(kind, metric, 90, 600, 40, seed += 10, {1, 40, 80}).check_on_every_isa();
}

TEST(every_dimension_on_every_path) {
  unsigned seed = 1000;
  for (int64_t dims : {1, 2, 15, 16, 17, 63, 64, 65, 383, 384, 768, 1536})
    for (Metric metric : kMetrics)
      TopKProblem(Kind::clustered, metric, dims < 10 ? 600 : 40, dims < 10 ? 600 : 270, dims, seed += 10, {7})
          .check_on_every_isa();
}

// int8 filters give way to float32 where a few values are too large for the others: on one side, the other or both.
TEST(sets_packed_differently_on_every_path) {
  unsigned seed = 3000;
  for (Kind queries : {Kind::random, Kind::outliers})
    for (Kind support : {Kind::random, Kind::outliers})
      for (Metric metric : kMetrics) {
        seed += 10;
        TopKProblem(ref::embeddings(queries, 90, 70, seed), ref::embeddings(support, 600, 70, seed + 1), metric,
                    {1, 10})
            .check_on_every_isa();
      }
}

TEST(threads_and_query_chunks_change_no_bit) {
  for (Metric metric : kMetrics) {
    const TopKProblem problem(Kind::clustered, metric, 333, 1100, 48, 77, {10});
    ref::on_every_isa([&] {
      const EmbeddingSet support(problem.s.view(), metric);
      for (int threads : {1, 2, 3, 16}) problem.check_rows(support, 0, 333, threads);
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {17, 15}, {100, 64}, {269, 64}})
        problem.check_rows(support, first, count, 2);
    });
  }
}

TEST(masses_of_duplicates_are_decided_in_bounded_memory) {
  for (Metric metric : kMetrics) TopKProblem(Kind::duplicates, metric, 40, 2500, 24, 5, {1, 20}).check_on_every_isa();
}

TEST(a_filter_as_wrong_as_its_bound_changes_no_bit) {
  unsigned seed = 500;
  for (Kind kind : {Kind::random, Kind::clustered, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm,
                    Kind::far_from_origin, Kind::shared})
    for (Metric metric : kMetrics) {
      const TopKProblem problem(kind, metric, 70, 700, 30, seed += 10, {1, 10});
      ref::with_wrong_filters([&] { problem.check_rows(EmbeddingSet(problem.s.view(), metric), 0, 70, 2); });
    }
}

TEST(half_the_products_of_a_set_with_itself_change_no_bit) {
  unsigned seed = 7000;
  for (Kind kind : {Kind::clustered, Kind::duplicates, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm, Kind::shared,
                    Kind::shared_near_ties})
    for (Metric metric : kMetrics) {
      // An even and an odd number of blocks, the last one short; more than those that every row meets first.
      const ref::Floats rows = ref::embeddings(kind, seed % 20 == 0 ? 1290 : 1560, 12, seed);
      const TopKProblem problem(rows, rows, metric, {10, 70});
      seed += 10;
      const auto check = [&] { check_self_join(problem, seed % 20 == 0, 1 + static_cast<int>(seed / 10 % 3)); };
      if (kind == Kind::clustered)
        ref::on_every_isa(check);
      else
        check();
    }
}

TEST(half_the_products_with_a_filter_as_wrong_as_its_bound) {
  unsigned seed = 8000;
  for (Kind kind : {Kind::clustered, Kind::mixed_norm, Kind::shared})
    for (Metric metric : kMetrics) {
      const ref::Floats rows = ref::embeddings(kind, 1290, 8, seed += 10);
      const TopKProblem problem(rows, rows, metric, {10});
      ref::with_wrong_filters([&] { check_self_join(problem, metric != Metric::dot, 2); });
    }
}

TEST(a_set_with_itself_takes_half_the_products_where_they_fit) {
  for (Metric metric : kMetrics) {
    const ref::Floats rows = ref::embeddings(Kind::clustered, 2060, 12, 91);
    const TopKProblem problem(rows, rows, metric, {10});
    const EmbeddingSet set(rows.view(), metric);
    CHECK(self_join_fits(set, 10));
    problem.check(set, set, 0, 2);
  }
}

CHECK_MAIN

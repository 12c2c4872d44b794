// Rows that share a direction are rounded less a common centre: it is taken where it pays, filter scores keep their
// bound, and every search still gives the float64 brute-force answer, whatever the centres of queries and support are.
#include "core/session/tail_scores.h"
#include "core/tests/check.h"
#include "core/tests/filter_bound.h"
#include "core/tests/top_k_problem.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Kind;
using ref::TopKProblem;
using ref::within_bound;

namespace {

constexpr Kind kShared[] = {Kind::half_shared, Kind::shared, Kind::shared_near_ties, Kind::nearly_all_shared};

ref::Floats times(ref::Floats rows, float factor) {
  for (float& value : rows.data) value *= factor;
  return rows;
}

ref::Floats joined(const ref::Floats& a, const ref::Floats& b) {
  ref::Floats out = a;
  out.data.insert(out.data.end(), b.data.begin(), b.data.end());
  out.rows += b.rows;
  return out;
}

// A few values dwarf the others of their rows: too coarse for int8.
ref::Floats with_outliers(float offset) {
  ref::Floats rows = ref::embeddings(Kind::half_shared, 280, 70, 5);
  for (int64_t i = 0; i < rows.rows; ++i) rows.data[static_cast<size_t>(i * 70 + i % 70)] = 300;
  for (float& value : rows.data) value += offset;
  return rows;
}

bool norms_bound_the_rows(const EmbeddingSet& set) {
  double largest = 0;
  for (int64_t i = 0; i < set.rows(); ++i) {
    const double norm = std::sqrt(ref::dot(set.row(i), set.row(i), set.dims()));
    largest = std::max(largest, norm);
    if (set.row_norm(i) < norm) return false;
    if (set.precision() == simd::Precision::f32 && set.filter_norm(i) < norm) return false;
  }
  return set.max_row_norm() >= largest;
}

}  // namespace

TEST(a_centre_is_taken_where_it_pays) {
  const ref::Floats equal{std::vector<float>(300 * 64, 1.5f), 300, 64};
  for (Metric metric : {Metric::cosine, Metric::dot}) {
    const TopKProblem problem(equal, equal, metric, {5});
    ref::on_every_rounding_isa([&] {
      for (Kind kind : kShared)
        CHECK(EmbeddingSet(ref::embeddings(kind, 300, 64, 1).view(), metric).centre() != nullptr);
      CHECK(EmbeddingSet(ref::embeddings(Kind::random, 300, 64, 1).view(), metric).centre() == nullptr);
      CHECK(EmbeddingSet(ref::embeddings(Kind::shared, 200, 64, 1).view(), metric).centre() == nullptr);
      const EmbeddingSet same(equal.view(), metric);
      CHECK(same.centre() == nullptr);
      problem.check(same, same, 0, 2);
    });
  }
  const ref::Floats shared = ref::embeddings(Kind::shared, 300, 64, 1);
  ref::on_every_rounding_isa([&] { CHECK(EmbeddingSet(shared.view(), Metric::l2).centre() == nullptr); });
  const ref::UseKernels use(simd::kBaseline);
  CHECK(EmbeddingSet(shared.view(), Metric::cosine).centre() == nullptr);
}

TEST(queries_with_another_centre_or_none_or_in_float32) {
  const std::vector<ref::Floats> sets{ref::embeddings(Kind::shared, 530, 70, 1),
                                      times(ref::embeddings(Kind::shared, 280, 70, 2), -1),
                                      ref::embeddings(Kind::nearly_all_shared, 280, 70, 3),
                                      ref::embeddings(Kind::random, 280, 70, 4),
                                      with_outliers(0),
                                      ref::embeddings(Kind::shared_near_ties, 280, 70, 6),
                                      ref::embeddings(Kind::half_shared, 40, 70, 7)};
  for (Metric metric : {Metric::cosine, Metric::dot}) {
    ref::on_every_rounding_isa([&] {
      for (const ref::Floats& s : sets) CHECK(norms_bound_the_rows(EmbeddingSet(s.view(), metric)));
    });
    for (const ref::Floats& q : sets)
      for (const ref::Floats& s : sets) {
        const TopKProblem problem(q, s, metric, {5});
        ref::on_every_rounding_isa([&] {
          const EmbeddingSet queries(q.view(), metric), support(s.view(), metric);
          CHECK(within_bound(queries, support));
          problem.check(queries, support, 0, 2);
        });
      }
  }
}

TEST(a_set_too_coarse_for_int8_loses_its_centre) {
  const ref::Floats rows = with_outliers(100);
  for (Metric metric : {Metric::cosine, Metric::dot}) {
    const TopKProblem problem(rows, rows, metric, {7});
    ref::on_every_rounding_isa([&] {
      if (simd::active_kernels().precision != simd::Precision::int8) return;
      const EmbeddingSet set(rows.view(), metric);
      CHECK(set.precision() == simd::Precision::f32 && set.centre() == nullptr && set.bias() == nullptr);
      CHECK(norms_bound_the_rows(set) && within_bound(set, set));
      problem.check(set, set, 0, 2);
    });
  }
}

TEST(a_grown_set_keeps_its_centre) {
  const ref::Floats head = ref::embeddings(Kind::shared, 300, 40, 1);
  for (const ref::Floats& tail :
       {ref::embeddings(Kind::shared, 70, 40, 2), ref::embeddings(Kind::nearly_all_shared, 270, 40, 3),
        ref::embeddings(Kind::random, 270, 40, 4), times(ref::embeddings(Kind::shared, 270, 40, 5), -2)})
    for (Metric metric : {Metric::cosine, Metric::dot}) {
      const ref::Floats all = joined(head, tail);
      const TopKProblem whole(all, all, metric, {9}), of_tail(tail, all, metric, {9});
      ref::on_every_rounding_isa([&] {
        for (const int64_t room : {0, 1000}) {
          const EmbeddingSet old(head.view(), metric, {}, "embeddings", room), more(tail.view(), metric);
          const EmbeddingSet grown(old, more, 0);
          CHECK(grown.centre() != nullptr && grown.centre() == old.centre());
          CHECK(norms_bound_the_rows(grown) && within_bound(grown, grown) && within_bound(old, grown));
          CHECK(within_bound(more, grown) && within_bound(grown, more));
          whole.check(grown, grown, 0, 2);
          of_tail.check(more, grown, 0, 3);
          const TailScores scores(grown, head.rows, {});
          bool within = true;
          for (int64_t at = 0; at < scores.count(); ++at)
            for (int64_t row = 0; row < grown.rows(); ++row)
              within = within && std::fabs(ref::dot(grown.row(head.rows + at), grown.row(row), 40) -
                                           double(scores.of(at)[row])) <= scores.error(at);
          CHECK(within);
          const EmbeddingSet none({head.data.data(), 0, 40}, metric), from_none(none, old, 0);
          CHECK(from_none.centre() == old.centre() && within_bound(from_none, old));
        }
      });
    }
}

CHECK_MAIN

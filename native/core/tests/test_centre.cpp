// Rows that share a direction are rounded less a common centre: it is taken where it pays, filter scores keep their
// bound, and every search still gives the float64 brute-force answer, whatever the centres of queries and support are.
#include <algorithm>
#include <string>

#include "core/neighbors/filter.h"
#include "core/neighbors/self_join.h"
#include "core/neighbors/top_k.h"
#include "core/session/tail_scores.h"
#include "core/simd/dispatch.h"
#include "core/tests/check.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Kind;

namespace {

constexpr Kind kShared[] = {Kind::half_shared, Kind::shared, Kind::shared_near_ties, Kind::nearly_all_shared};

std::vector<const simd::Kernels*> packed_kernels() {
  std::vector<const simd::Kernels*> out;
  for (const std::string& isa : usable_isas())
    if (simd::find_kernels(isa)->precision != simd::Precision::f32) out.push_back(simd::find_kernels(isa));
  return out;
}

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

bool top_k_is_right(const EmbeddingSet& queries, const ref::Floats& q, const EmbeddingSet& support,
                    const ref::Floats& s, int64_t k, int threads) {
  const ref::TopK expected = ref::top_k(ref::keys(q, s, support.metric()), q.rows, s.rows, k, support.metric());
  ref::TopK got{std::vector<int32_t>(expected.indices.size()), std::vector<float>(expected.scores.size())};
  RunOptions options;
  options.threads = threads;
  top_k(queries, support, k, got.indices.data(), got.scores.data(), options);
  return got.indices == expected.indices && ref::same(got.scores, expected.scores);
}

// |score + own - x.y| <= error for all queries as they are loaded, and score_below is below.
bool within_bound(const EmbeddingSet& queries, const EmbeddingSet& support) {
  const FilterSupport filter(support);
  const int64_t count = std::min<int64_t>(queries.rows(), 64);
  QueryBlock block(queries, filter, 64);
  block.load(0, count);
  for (int64_t b = 0; b < filter.blocks(); ++b) {
    block.compute(b);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t r = 0; r < filter.block_rows(b); ++r) {
        const double key = ref::dot(queries.row(i), support.row(b * simd::kBlockRows + r), support.dims());
        const double score = block.tile(i / simd::kLanes)[r % simd::kBlockRows * simd::kLanes + i % simd::kLanes];
        const double error = block.error(i / simd::kLanes)[i % simd::kLanes];
        if (!(std::fabs(score + filter.own_term(queries.row(i)) - key) <= error)) return false;
        if (!(block.score_below(i, key) <= score + error)) return false;
      }
  }
  return true;
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

// As wrong as a filter on rounded rows may be.
constexpr double kAllowed = 0.01;
const simd::Kernels* g_right = nullptr;
int g_calls = 0;

double packed_squares(const uint8_t* line, double scale, bool flipped) {
  double sum = 0;
  if (g_right->precision == simd::Precision::int8) {
    const uint8_t flip = flipped && std::string(g_right->name).find("neon") == std::string::npos ? 0x80 : 0;
    for (int i = 0; i < 4; ++i) {
      const double value = scale * static_cast<int8_t>(line[i] ^ flip);
      sum += value * value;
    }
    return sum;
  }
  for (int i = 0; i < 4; i += 2) {
    const uint32_t bits = static_cast<uint32_t>(line[i] | line[i + 1] << 8) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    sum += double(value) * value;
  }
  return sum;
}

void wrong_product_packed(const simd::PackedRows* support, int64_t panels, const uint8_t* packed, const float* scale,
                          int64_t groups, int64_t steps, float* out, int64_t group_stride) {
  g_right->product_packed(support, panels, packed, scale, groups, steps, out, group_stride);
  for (int64_t g = 0; g < groups; ++g) {
    double x2[simd::kLanes] = {};
    for (int64_t at = 0; at < steps * simd::kPanelStep; at += 4)
      x2[at / 4 % simd::kLanes] += packed_squares(packed + g * steps * simd::kPanelStep + at,
                                                  scale[g * simd::kLanes + at / 4 % simd::kLanes], true);
    for (int64_t r = 0; r < panels * simd::kLanes; ++r) {
      double y2 = 0;
      for (int64_t step = 0; step < steps; ++step)
        for (int at = 0; at < simd::kLineBytes; at += 4)
          y2 += packed_squares(support->panels + (r / simd::kLanes * steps + step) * simd::kPanelStep +
                                   r % simd::kLanes * simd::kLineBytes + at,
                               support->scale == nullptr ? 1 : support->scale[r], false);
      for (int lane = 0; lane < simd::kLanes; ++lane) {
        const double bias = support->bias == nullptr ? 0 : support->bias[r];
        const double error = 0.98 * kAllowed * (std::sqrt(x2[lane] * y2) + std::fabs(bias));
        const bool up = ((r * 7 + lane * 3 + g * 5 + g_calls) / 2) % 2 == 0;
        out[g * group_stride + r * simd::kLanes + lane] += static_cast<float>(up ? error : -error);
      }
    }
  }
  ++g_calls;
}

}  // namespace

TEST(a_centre_is_taken_where_it_pays) {
  for (const simd::Kernels* kernels : packed_kernels()) {
    simd::use_kernels(kernels);
    for (Metric metric : {Metric::cosine, Metric::dot}) {
      for (Kind kind : kShared)
        CHECK(EmbeddingSet(ref::embeddings(kind, 300, 64, 1).view(), metric).centre() != nullptr);
      CHECK(EmbeddingSet(ref::embeddings(Kind::random, 300, 64, 1).view(), metric).centre() == nullptr);
      CHECK(EmbeddingSet(ref::embeddings(Kind::shared, 200, 64, 1).view(), metric).centre() == nullptr);
      const ref::Floats equal{std::vector<float>(300 * 64, 1.5f), 300, 64};
      const EmbeddingSet same(equal.view(), metric);
      CHECK(same.centre() == nullptr);
      CHECK(top_k_is_right(same, equal, same, equal, 5, 2));
    }
    CHECK(EmbeddingSet(ref::embeddings(Kind::shared, 300, 64, 1).view(), Metric::l2).centre() == nullptr);
  }
  simd::use_kernels(&simd::kBaseline);
  CHECK(EmbeddingSet(ref::embeddings(Kind::shared, 300, 64, 1).view(), Metric::cosine).centre() == nullptr);
  simd::use_kernels(nullptr);
}

TEST(queries_with_another_centre_or_none_or_in_float32) {
  const ref::Floats outliers = [] {
    ref::Floats rows = ref::embeddings(Kind::half_shared, 300, 70, 5);
    for (int64_t i = 0; i < rows.rows; ++i) rows.data[static_cast<size_t>(i * 70 + i % 70)] = 500;
    return rows;
  }();
  const std::vector<ref::Floats> sets{ref::embeddings(Kind::shared, 600, 70, 1),
                                      times(ref::embeddings(Kind::shared, 600, 70, 2), -1),
                                      ref::embeddings(Kind::nearly_all_shared, 300, 70, 3),
                                      ref::embeddings(Kind::random, 300, 70, 4),
                                      outliers,
                                      ref::embeddings(Kind::shared_near_ties, 280, 70, 6),
                                      ref::embeddings(Kind::half_shared, 40, 70, 7)};
  for (const simd::Kernels* kernels : packed_kernels()) {
    simd::use_kernels(kernels);
    for (Metric metric : {Metric::cosine, Metric::dot})
      for (const ref::Floats& q : sets)
        for (const ref::Floats& s : sets) {
          const EmbeddingSet queries(q.view(), metric), support(s.view(), metric);
          CHECK(norms_bound_the_rows(queries));
          CHECK(within_bound(queries, support));
          if (s.rows >= 280) CHECK(top_k_is_right(queries, q, support, s, 7, 2));
        }
  }
  simd::use_kernels(nullptr);
}

TEST(a_set_too_coarse_for_int8_loses_its_centre) {
  ref::Floats rows = ref::embeddings(Kind::half_shared, 300, 70, 5);
  for (int64_t i = 0; i < rows.rows; ++i) rows.data[static_cast<size_t>(i * 70 + i % 70)] = 500;
  for (float& value : rows.data) value += 100;
  for (const simd::Kernels* kernels : packed_kernels()) {
    if (kernels->precision != simd::Precision::int8) continue;
    simd::use_kernels(kernels);
    for (Metric metric : {Metric::cosine, Metric::dot}) {
      const EmbeddingSet set(rows.view(), metric);
      CHECK(set.precision() == simd::Precision::f32 && set.centre() == nullptr && set.bias() == nullptr);
      CHECK(norms_bound_the_rows(set) && within_bound(set, set));
      CHECK(top_k_is_right(set, rows, set, rows, 7, 2));
    }
  }
  simd::use_kernels(nullptr);
}

TEST(a_grown_set_keeps_its_centre) {
  const ref::Floats head = ref::embeddings(Kind::shared, 400, 40, 1);
  for (const ref::Floats& tail :
       {ref::embeddings(Kind::shared, 70, 40, 2), ref::embeddings(Kind::nearly_all_shared, 300, 40, 3),
        ref::embeddings(Kind::random, 300, 40, 4), times(ref::embeddings(Kind::shared, 300, 40, 5), -2)})
    for (const simd::Kernels* kernels : packed_kernels()) {
      simd::use_kernels(kernels);
      for (Metric metric : {Metric::cosine, Metric::dot})
        for (const int64_t room : {0, 1000}) {
          const EmbeddingSet old(head.view(), metric, {}, "embeddings", room), more(tail.view(), metric);
          const EmbeddingSet grown(old, more, 0);
          CHECK(grown.centre() != nullptr && grown.centre() == old.centre());
          const ref::Floats all = joined(head, tail);
          CHECK(norms_bound_the_rows(grown) && within_bound(grown, grown) && within_bound(old, grown));
          CHECK(within_bound(more, grown) && within_bound(grown, more));
          CHECK(top_k_is_right(grown, all, grown, all, 9, 2) && top_k_is_right(more, tail, grown, all, 9, 3));
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
    }
  simd::use_kernels(nullptr);
}

TEST(a_rounded_filter_as_wrong_as_its_bound_changes_no_bit) {
  unsigned seed = 1;
  for (const simd::Kernels* kernels : packed_kernels()) {
    g_right = kernels;
    simd::Kernels wrong = *kernels;
    wrong.packed_error = [](int64_t) { return kAllowed; };
    wrong.product_packed = wrong_product_packed;
    for (Metric metric : {Metric::cosine, Metric::dot})
      for (Kind kind : kShared) {
        const ref::Floats rows = ref::embeddings(kind, 2060, 12, seed += 2),
                          q = ref::embeddings(kind, 90, 12, seed + 1);
        const ref::Votes votes = ref::votes(rows.rows, 4, {2, true}, 0.4, seed);
        const std::vector<double> keys = ref::keys(rows, rows, metric), open(4, -1e300);
        const auto nearest = ref::nearest_voters(rows, votes, rows, votes, {2, true}, metric, keys);
        const ref::Extended expected = ref::extend(votes, nearest, {2, true}, metric, open);
        simd::use_kernels(&wrong);
        const EmbeddingSet set(rows.view(), metric), queries(q.view(), metric);
        CHECK(set.centre() != nullptr);
        g_calls = 0;
        CHECK(top_k_is_right(set, rows, set, rows, 10, 2));
        CHECK(top_k_is_right(queries, q, set, rows, 10, 2));
        ref::Extended got{std::vector<int8_t>(votes.data.size()), std::vector<int32_t>(votes.data.size()),
                          std::vector<float>(votes.data.size())};
        for (int threads : {1, 3}) {
          RunOptions options;
          options.threads = threads;
          extend_votes(set, votes.view(), set, votes.view(), {2, true}, open.data(), got.votes.data(),
                       got.neighbors.data(), got.scores.data(), options);
          CHECK(got.votes == expected.votes && got.neighbors == expected.neighbors);
          CHECK(ref::same(got.scores, expected.scores));
        }
        CHECK(g_calls > 0);
        simd::use_kernels(nullptr);
      }
  }
}

CHECK_MAIN

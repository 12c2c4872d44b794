// Every instruction set, thread count and query chunk gives the float64 brute-force answer, bit for bit; so does a
// filter that errs as badly as its bound allows.
#include <algorithm>
#include <functional>
#include <string>

#include "core/neighbors/filter.h"
#include "core/neighbors/nearest_voters.h"
#include "core/neighbors/self_join.h"
#include "core/neighbors/top_k.h"
#include "core/neighbors/voter_search.h"
#include "core/simd/dispatch.h"
#include "core/tests/check.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Kind;

namespace {

constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::l2};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const VoteDomain kBinary{2, true};
const VoteDomain kThreeClasses{3, false};

// One problem and its answers by brute force.
struct Problem {
  Metric metric;
  VoteDomain domain;
  ref::Floats q, s;
  ref::Votes qv, sv;
  std::vector<double> thresholds;
  std::vector<ref::Nearest> nearest;
  ref::Extended extended;
  std::vector<ref::TopK> tops;
  std::vector<int64_t> ks;

  Problem(Kind kind, Metric metric_, int64_t n_queries, int64_t n_support, int64_t dims, int64_t lfs,
          const VoteDomain& domain_, double coverage, unsigned seed)
      : Problem(ref::embeddings(kind, n_queries, dims, seed), ref::embeddings(kind, n_support, dims, seed + 1), metric_,
                lfs, domain_, coverage, seed) {}

  Problem(ref::Floats queries, ref::Floats support, Metric metric_, int64_t lfs, const VoteDomain& domain_,
          double coverage, unsigned seed, std::vector<int64_t> ks_ = {1, 10, 40})
      : metric(metric_),
        domain(domain_),
        q(std::move(queries)),
        s(std::move(support)),
        qv(ref::votes(q.rows, lfs, domain, coverage, seed + 2)),
        sv(ref::votes(s.rows, lfs, domain, coverage, seed + 3)),
        ks(std::move(ks_)) {
    const std::vector<double> keys = ref::keys(q, s, metric);
    std::vector<double> sorted = keys;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<int64_t>(sorted.size() / 50), sorted.end(),
                     std::greater<>());
    for (int64_t lf = 0; lf < lfs; ++lf)
      thresholds.push_back(lf % 2 == 0 ? (metric == Metric::l2 ? kInfinity : -kInfinity)
                                       : ref::score(metric, sorted[sorted.size() / 50]));
    nearest = ref::nearest_voters(q, qv, s, sv, domain, metric, keys);
    extended = ref::extend(qv, nearest, domain, metric, thresholds);
    for (int64_t k : ks) tops.push_back(ref::top_k(keys, q.rows, s.rows, k, metric));
  }

  // Searches queries first .. first + count and compares.
  void check(const EmbeddingSet& support, int64_t first, int64_t count, int threads, const std::string& path) const {
    RunOptions options;
    options.threads = threads;
    const EmbeddingSet queries({q.view().row(first), count, q.cols}, metric, options);
    const VoteMatrix votes{qv.view().row(first), count, qv.cols};
    const int64_t cells = count * qv.cols, start = first * qv.cols;
    const auto at = [&](const auto& all, int64_t from, int64_t size) {
      return std::vector(all.begin() + from, all.begin() + from + size);
    };
    ref::Extended got{std::vector<int8_t>(static_cast<size_t>(cells)), std::vector<int32_t>(static_cast<size_t>(cells)),
                      std::vector<float>(static_cast<size_t>(cells))};
    const auto equals = [&] {
      return got.votes == at(extended.votes, start, cells) && got.neighbors == at(extended.neighbors, start, cells) &&
             ref::same(got.scores, at(extended.scores, start, cells));
    };
    extend_votes(queries, votes, support, sv.view(), domain, thresholds.data(), got.votes.data(), got.neighbors.data(),
                 got.scores.data(), options);
    const bool direct_ok = equals();
    const NearestVoters voters(queries, votes, support, sv.view(), domain, options);
    voters.extend(thresholds.data(), got.votes.data(), got.neighbors.data(), got.scores.data());
    bool kept_ok = equals();
    for (int64_t i = 0; i < count; ++i)
      for (int64_t lf = 0; lf < qv.cols; ++lf)
        for (int c = 0; c < domain.classes; ++c) {
          const ref::Nearest& e = nearest[static_cast<size_t>(((first + i) * qv.cols + lf) * domain.classes + c)];
          const NearestVoters::Nearest n = voters.nearest(i, lf, c);
          kept_ok = kept_ok && n.row == e.row && n.score == ref::score(metric, e.key);
        }
    bool top_ok = true;
    for (size_t t = 0; t < ks.size(); ++t) {
      const int64_t k = ks[t];
      ref::TopK top{std::vector<int32_t>(static_cast<size_t>(count * k)),
                    std::vector<float>(static_cast<size_t>(count * k))};
      top_k(queries, support, k, top.indices.data(), top.scores.data(), options);
      top_ok = top_ok && top.indices == at(tops[t].indices, first * k, count * k) &&
               ref::same(top.scores, at(tops[t].scores, first * k, count * k));
    }
    if (!direct_ok || !kept_ok || !top_ok)
      std::printf("  %s metric %d d %d threads %d queries %d+%d: extend %d voters %d top-k %d\n", path.c_str(),
                  static_cast<int>(metric), static_cast<int>(q.cols), threads, static_cast<int>(first),
                  static_cast<int>(count), direct_ok, kept_ok, top_ok);
    CHECK(direct_ok && kept_ok && top_ok);
  }

  void check_all_paths() const {
    for (const std::string& isa : usable_isas()) {
      simd::use_kernels(simd::find_kernels(isa));
      const EmbeddingSet support(s.view(), metric);
      check(support, 0, q.rows, 2, isa);
    }
    simd::use_kernels(nullptr);
  }
};

// Extension of plain rows, in blocks of a few rows: budgets down to a row at a time.
void check_blocks(const Problem& problem, int64_t budget) {
  const int64_t cells = problem.q.rows * problem.qv.cols;
  ref::Extended got{std::vector<int8_t>(static_cast<size_t>(cells)), std::vector<int32_t>(static_cast<size_t>(cells)),
                    std::vector<float>(static_cast<size_t>(cells))};
  int32_t progress = 0;
  RunOptions options;
  options.job.progress = &progress;
  extend_votes({problem.q.view(), problem.s.view(), problem.metric}, problem.qv.view(), problem.sv.view(),
               problem.domain, problem.thresholds.data(), got.votes.data(), got.neighbors.data(), got.scores.data(),
               options, budget);
  CHECK(got.votes == problem.extended.votes);
  CHECK(got.neighbors == problem.extended.neighbors);
  CHECK(ref::same(got.scores, problem.extended.scores));
  CHECK(progress == 1000);
}

// All rows of a set against all, beside brute force.
struct SelfJoinProblem {
  Metric metric;
  ref::Floats rows;
  std::vector<int64_t> ks;
  std::vector<ref::TopK> expected;

  SelfJoinProblem(Kind kind, Metric metric_, int64_t n, int64_t dims, unsigned seed, std::vector<int64_t> ks_)
      : metric(metric_), rows(ref::embeddings(kind, n, dims, seed)), ks(std::move(ks_)) {
    const std::vector<double> keys = ref::keys(rows, rows, metric);
    for (int64_t k : ks) expected.push_back(ref::top_k(keys, n, n, k, metric));
  }

  void check(bool by_locality, int threads) const {
    const EmbeddingSet set(rows.view(), metric);
    if (!filterable(set, set)) return;
    for (size_t t = 0; t < ks.size(); ++t) {
      const int64_t k = ks[t];
      CHECK(self_join_fits(set, k));
      ref::TopK got{std::vector<int32_t>(static_cast<size_t>(rows.rows * k)),
                    std::vector<float>(static_cast<size_t>(rows.rows * k))};
      int32_t progress = 0;
      JobControl job;
      job.progress = &progress;
      self_join(set, k, by_locality, threads, job, [&](int64_t row, const std::vector<Hit>& hits) {
        for (int64_t r = 0; r < k; ++r) {
          const Hit& hit = hits[static_cast<size_t>(r)];
          got.indices[static_cast<size_t>(row * k + r)] = hit.row;
          got.scores[static_cast<size_t>(row * k + r)] = static_cast<float>(ref::score(metric, hit.key));
        }
      });
      CHECK(got.indices == expected[t].indices);
      CHECK(ref::same(got.scores, expected[t].scores));
      CHECK(progress == 1000);
    }
  }
};
// The rows of a problem (queries and support are the same) as one set.
void check_mutual_voters(const Problem& problem, int threads) {
  const EmbeddingSet set(problem.s.view(), problem.metric);
  RunOptions options;
  options.threads = threads;
  int32_t progress = 0;
  options.job.progress = &progress;
  const auto cells = static_cast<size_t>(problem.qv.view().size());
  ref::Extended got{std::vector<int8_t>(cells), std::vector<int32_t>(cells), std::vector<float>(cells)};
  const auto equal = [&] {
    return got.votes == problem.extended.votes && got.neighbors == problem.extended.neighbors &&
           ref::same(got.scores, problem.extended.scores);
  };
  extend_votes(set, problem.qv.view(), set, problem.sv.view(), problem.domain, problem.thresholds.data(),
               got.votes.data(), got.neighbors.data(), got.scores.data(), options);
  CHECK(equal());
  CHECK(progress == 1000);
  const NearestVoters voters(set, problem.qv.view(), set, problem.sv.view(), problem.domain, options);
  voters.extend(problem.thresholds.data(), got.votes.data(), got.neighbors.data(), got.scores.data());
  CHECK(equal());
}

// A filter that is wrong by nearly all its bound admits, one way or the other.
constexpr double kAllowed = 0.02;
int g_calls = 0;

void wrong_product(const float* const* rows, int64_t row_count, const float* packed, int64_t groups, int64_t depth,
                   const float* bias, float* out, int64_t row_stride, int64_t group_stride) {
  for (int64_t r = 0; r < row_count; ++r)
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
        const float* y = packed + g * depth * simd::kLanes + lane;
        double dot = 0, x2 = 0, y2 = 0;
        for (int64_t k = 0; k < depth; ++k) {
          dot += double(rows[r][k]) * y[k * simd::kLanes];
          x2 += double(rows[r][k]) * rows[r][k];
          y2 += double(y[k * simd::kLanes]) * y[k * simd::kLanes];
        }
        const double b = bias == nullptr ? 0 : bias[r];
        const double error = 0.999 * kAllowed * (std::sqrt(x2 * y2) + std::fabs(b));
        const bool up = ((r * 7 + lane * 3 + g * 5 + g_calls) / 2) % 2 == 0;
        out[r * row_stride + g * group_stride + lane] = static_cast<float>(dot + b + (up ? error : -error));
      }
  ++g_calls;
}

}  // namespace

TEST(every_kind_of_data_on_every_path) {
  unsigned seed = 1;
  for (Kind kind : ref::all_kinds())
    for (Metric metric : kMetrics) Problem(kind, metric, 90, 600, 40, 5, kBinary, 0.2, seed += 10).check_all_paths();
}

TEST(every_dimension_on_every_path) {
  unsigned seed = 1000;
  for (int64_t dims : {1, 2, 15, 16, 17, 63, 64, 65, 383, 384, 768, 1536})
    for (Metric metric : kMetrics) {
      const int64_t n = dims < 10 ? 600 : 110;
      Problem(Kind::clustered, metric, n, n < 600 ? 530 : 600, dims, 4, kThreeClasses, 0.3, seed += 10)
          .check_all_paths();
    }
}

TEST(extension_in_blocks_changes_no_bit) {
  unsigned seed = 2000;
  for (Kind kind : ref::all_kinds())
    for (Metric metric : kMetrics) {
      const Problem problem(kind, metric, 70, 300, 40, 5, kThreeClasses, 0.2, seed += 10);
      for (int64_t budget : {1, 4000, 20000}) check_blocks(problem, budget);
    }
  const Problem large(Kind::clustered, Metric::cosine, 400, 1500, 64, 6, kBinary, 0.2, 99);
  check_blocks(large, 200000);
}

// Large searches go by locality; blocks of plain rows too small for it take rows as they come.
TEST(locality_changes_no_bit) {
  unsigned seed = 6000;
  for (Kind kind : {Kind::random, Kind::duplicates, Kind::zero_rows, Kind::shared})
    for (Metric metric : {Metric::cosine, Metric::l2}) {
      const bool self_join = metric == Metric::cosine;
      seed += 10;
      const int64_t n = 4200, lfs = 4;
      const ref::Floats s = ref::embeddings(kind, n, 24, seed), q = ref::embeddings(kind, n, 24, seed + 1);
      const ref::Votes sv = ref::votes(n, lfs, kBinary, 0.1, seed + 2), qv = ref::votes(n, lfs, kBinary, 0.1, seed + 3);
      const FloatMatrix queries = self_join ? s.view() : q.view();
      const VoteMatrix query_votes = self_join ? sv.view() : qv.view();
      const std::vector<double> open(lfs, metric == Metric::l2 ? kInfinity : -kInfinity);
      const auto extend = [&](int64_t budget) {
        ref::Extended got{std::vector<int8_t>(n * lfs), std::vector<int32_t>(n * lfs), std::vector<float>(n * lfs)};
        extend_votes({queries, s.view(), metric}, query_votes, sv.view(), kBinary, open.data(), got.votes.data(),
                     got.neighbors.data(), got.scores.data(), {}, budget);
        return got;
      };
      const ref::Extended expected = extend(100000);
      for (const std::string& isa : usable_isas()) {
        simd::use_kernels(simd::find_kernels(isa));
        const ref::Extended got = extend(kExtensionBudget);
        CHECK(got.votes == expected.votes);
        CHECK(got.neighbors == expected.neighbors);
        CHECK(ref::same(got.scores, expected.scores));
      }
      simd::use_kernels(nullptr);
    }
}

TEST(half_the_products_of_a_set_with_itself_change_no_bit) {
  unsigned seed = 7000;
  for (Kind kind : {Kind::clustered, Kind::duplicates, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm, Kind::shared,
                    Kind::shared_near_ties})
    for (Metric metric : kMetrics) {
      // An odd and an even number of blocks, the last one short.
      const SelfJoinProblem problem(kind, metric, seed % 20 == 0 ? 2060 : 2310, 12, seed, {10, 150});
      seed += 10;
      for (const std::string& isa : usable_isas()) {
        if (kind != Kind::clustered && isa != usable_isas().back()) continue;
        simd::use_kernels(simd::find_kernels(isa));
        problem.check(seed % 20 == 0, 1 + static_cast<int>(seed / 10 % 3));
      }
      simd::use_kernels(nullptr);
      const EmbeddingSet set(problem.rows.view(), metric);
      ref::TopK got{std::vector<int32_t>(problem.expected[0].indices.size()),
                    std::vector<float>(problem.expected[0].scores.size())};
      top_k(set, set, 10, got.indices.data(), got.scores.data());
      CHECK(got.indices == problem.expected[0].indices);
      CHECK(ref::same(got.scores, problem.expected[0].scores));
    }
}

// Rows searched among themselves: half the products serve both sides, except under l2. Some rows do not vote, the last
// block is not whole, query votes may be others than support votes.
TEST(mutual_voters_on_every_path) {
  unsigned seed = 7000;
  for (Kind kind : {Kind::random, Kind::clustered, Kind::duplicates, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm,
                    Kind::outliers, Kind::half_shared, Kind::shared, Kind::shared_near_ties, Kind::nearly_all_shared})
    for (Metric metric : kMetrics) {
      const ref::Floats rows = ref::embeddings(kind, 1550, 20, seed += 10);
      const bool all_vote = kind == Kind::clustered || kind == Kind::duplicates;
      const Problem problem(rows, rows, metric, 4, all_vote ? kThreeClasses : kBinary, all_vote ? 0.6 : 0.2, seed, {});
      for (const std::string& isa : usable_isas()) {
        simd::use_kernels(simd::find_kernels(isa));
        check_mutual_voters(problem, 2);
      }
      simd::use_kernels(nullptr);
      for (int threads : {1, 3}) check_mutual_voters(problem, threads);
    }
}

TEST(mutual_voters_with_a_filter_as_wrong_as_its_bound) {
  simd::Kernels wrong = simd::kBaseline;
  wrong.name = "wrong";
  wrong.accumulation_error = [](int64_t) { return kAllowed; };
  wrong.product_f32 = wrong_product;
  for (Metric metric : {Metric::cosine, Metric::dot}) {
    const ref::Floats rows = ref::embeddings(Kind::clustered, 1500, 12, 31);
    const Problem problem(rows, rows, metric, 4, kBinary, 0.2, 31, {});
    simd::use_kernels(&wrong);
    check_mutual_voters(problem, 2);
    simd::use_kernels(nullptr);
  }
}

// What is known may be left out, and nothing else.
TEST(mutual_voters_with_known_winners) {
  const ref::Floats rows = ref::embeddings(Kind::clustered, 1500, 20, 41);
  const ref::Votes votes = ref::votes(1500, 4, kBinary, 0.2, 42);
  const EmbeddingSet set(rows.view(), Metric::cosine);
  struct Keep final : WinnerSink {
    std::vector<Winner> winners = std::vector<Winner>(1500 * 4);
    void take(int64_t query, const Winner* found) override { std::copy_n(found, 4, winners.begin() + query * 4); }
  } all, rest;
  VoterSearch search(set, votes.view(), set, votes.view(), kBinary, CellsPer::lf, {});
  search.run(nullptr, all);
  std::vector<Winner> known = all.winners;
  for (size_t i = 0; i < known.size(); i += 3) known[i] = {};
  search.run(nullptr, rest, known.data());
  bool same = true;
  for (size_t i = 0; i < known.size(); ++i) {
    known[i].merge(rest.winners[i], votes.view(), static_cast<int64_t>(i % 4));
    const Winner &a = known[i], &b = all.winners[i];
    same = same && a.key == b.key && a.row == b.row && a.contested == b.contested;
  }
  CHECK(same);
}

TEST(blocks_name_rows_and_cells_of_the_whole) {
  const Problem problem(Kind::random, Metric::cosine, 30, 40, 8, 3, kBinary, 0.5, 1);
  ref::Floats bad = problem.s;
  bad.data[29 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();
  std::vector<int8_t> votes(90);
  std::string message;
  try {
    extend_votes({problem.q.view(), bad.view(), Metric::cosine}, problem.qv.view(), problem.sv.view(), kBinary,
                 problem.thresholds.data(), votes.data(), nullptr, nullptr, {}, 500);
  } catch (const InvalidArgument& error) {
    message = error.what();
  }
  CHECK(message == "Expected finite values for support.embeddings but received NaN at row 29, column 3");
}

// int8 filters give way to float32 where a few values are too large for the others: on one side, the other or both.
TEST(sets_packed_differently_on_every_path) {
  unsigned seed = 3000;
  for (Kind queries : {Kind::random, Kind::outliers})
    for (Kind support : {Kind::random, Kind::outliers})
      for (Metric metric : kMetrics) {
        seed += 10;
        Problem(ref::embeddings(queries, 90, 70, seed), ref::embeddings(support, 600, 70, seed + 1), metric, 5, kBinary,
                0.2, seed)
            .check_all_paths();
      }
}

TEST(filter_scores_keep_their_bound) {
  unsigned seed = 4000;
  for (const std::string& isa : usable_isas()) {
    simd::use_kernels(simd::find_kernels(isa));
    for (Kind kind : ref::all_kinds())
      for (Metric metric : kMetrics)
        for (int64_t dims : {3, 64, 131}) {
          const ref::Floats q = ref::embeddings(kind, 20, dims, seed), s = ref::embeddings(kind, 300, dims, seed + 1);
          ++seed;
          const EmbeddingSet queries(q.view(), metric), support(s.view(), metric);
          if (!filterable(queries, support)) continue;
          const FilterSupport filter(support);
          QueryBlock block(queries, filter, 32);
          block.load(0, 20);
          bool within = true;
          for (int64_t b = 0; b < filter.blocks(); ++b) {
            block.compute(b);
            for (int64_t i = 0; i < 20; ++i)
              for (int64_t r = 0; r < filter.block_rows(b); ++r) {
                const float *x = queries.row(i), *y = support.row(b * simd::kBlockRows + r);
                double exact = ref::dot(x, y, dims);
                if (metric == Metric::l2) exact -= ref::dot(y, y, dims) / 2;
                if (support.centre() != nullptr) exact -= ref::dot(support.centre()->values.data(), x, dims);
                const int64_t group = i / simd::kLanes, lane = i % simd::kLanes;
                const double error = std::fabs(block.tile(group)[r * simd::kLanes + lane] - exact);
                within = within && error <= double(block.error(group)[lane]);
              }
          }
          CHECK(within);
        }
  }
  simd::use_kernels(nullptr);
}

TEST(threads_and_query_chunks_change_no_bit) {
  for (Metric metric : kMetrics) {
    const Problem problem(Kind::clustered, metric, 333, 1100, 48, 6, kBinary, 0.15, 77);
    for (const std::string& isa : usable_isas()) {
      simd::use_kernels(simd::find_kernels(isa));
      const EmbeddingSet support(problem.s.view(), metric);
      for (int threads : {1, 2, 3, 16}) problem.check(support, 0, 333, threads, isa);
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {17, 15}, {100, 64}, {269, 64}})
        problem.check(support, first, count, 2, isa);
    }
    simd::use_kernels(nullptr);
  }
}

TEST(masses_of_duplicates_are_decided_in_bounded_memory) {
  for (Metric metric : kMetrics) Problem(Kind::duplicates, metric, 130, 2500, 24, 8, kBinary, 0.9, 5).check_all_paths();
}

TEST(a_filter_as_wrong_as_its_bound_changes_no_bit) {
  simd::Kernels wrong = simd::kBaseline;
  wrong.name = "wrong";
  wrong.accumulation_error = [](int64_t) { return kAllowed; };
  wrong.product_f32 = wrong_product;
  unsigned seed = 500;
  for (Kind kind :
       {Kind::random, Kind::clustered, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm, Kind::far_from_origin})
    for (Metric metric : kMetrics) {
      const Problem problem(kind, metric, 70, 700, 30, 5, kBinary, 0.2, seed += 10);
      simd::use_kernels(&wrong);
      problem.check(EmbeddingSet(problem.s.view(), metric), 0, 70, 2, "wrong");
      if (kind == Kind::clustered || kind == Kind::mixed_norm)
        SelfJoinProblem(kind, metric, 2060, 4, seed, {10}).check(metric != Metric::dot, 2);
      simd::use_kernels(nullptr);
    }
  CHECK(g_calls > 0);
}

TEST(tables_agree_on_canonical_scores) {
  for (int64_t dims : {1, 7, 8, 9, 31, 384, 769}) {
    const ref::Floats rows = ref::embeddings(Kind::mixed_norm, 5, dims, static_cast<unsigned>(dims));
    const EmbeddingSet set(rows.view(), Metric::dot);
    const int64_t padded = (dims + 7) / 8 * 8;
    alignas(64) double wide[1024];
    for (int64_t i = 0; i < padded; ++i) wide[i] = set.row(0)[i];
    const float* others[4];
    for (int r = 0; r < 4; ++r) others[r] = set.row(r + 1);
    for (const std::string& isa : usable_isas()) {
      const simd::Kernels& kernels = *simd::find_kernels(isa);
      double dots[4], squares[4];
      kernels.dot4(wide, others, others, padded, dots);
      kernels.squared_distance4(wide, others, others, padded, squares);
      for (int r = 0; r < 4; ++r) {
        CHECK(dots[r] == ref::dot(set.row(0), others[r], dims));
        CHECK(squares[r] == ref::squared_distance(set.row(0), others[r], dims));
        CHECK(kernels.dot(set.row(0), others[r], dims) == dots[r]);
        CHECK(kernels.squared_distance(set.row(0), others[r], dims) == squares[r]);
      }
    }
  }
}

CHECK_MAIN

// Extension: every instruction set, thread count, query chunk and block of plain rows gives the float64 brute-force
// answer, bit for bit; so does a filter that errs as badly as its bound allows.
#include <algorithm>
#include <functional>
#include <string>

#include "core/neighbors/voter_search.h"
#include "core/tests/extension_problem.h"
#include "core/tests/wrong_filter.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::ExtensionProblem;
using ref::kBinary;
using ref::Kind;
using ref::kMetrics;
using ref::kThreeClasses;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Extension of plain rows, in blocks of a few rows: budgets down to a row at a time.
void check_blocks(const ExtensionProblem& problem, int64_t budget) {
  ref::Extended got = ref::room_for(problem.qv.view().size());
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

}  // namespace

TEST(every_kind_of_data_on_every_path) {
  unsigned seed = 1;
  for (Kind kind : ref::all_kinds())
    for (Metric metric : kMetrics)
      ExtensionProblem(kind, metric, 90, 600, 40, 5, kBinary, 0.2, seed += 10).check_on_every_isa();
}

TEST(every_dimension_on_every_path) {
  unsigned seed = 1000;
  for (int64_t dims : {1, 2, 15, 17, 64, 65, 384, 769})
    for (Metric metric : kMetrics)
      ExtensionProblem(Kind::clustered, metric, dims < 10 ? 600 : 40, dims < 10 ? 600 : 430, dims, 4, kThreeClasses,
                       0.3, seed += 10)
          .check_on_every_isa();
}

TEST(extension_in_blocks_changes_no_bit) {
  unsigned seed = 2000;
  for (Kind kind : ref::all_kinds())
    for (Metric metric : kMetrics) {
      const ExtensionProblem problem(kind, metric, 40, 120, 20, 3, kThreeClasses, 0.2, seed += 10);
      for (int64_t budget : {1, 2000, 8000}) check_blocks(problem, budget);
    }
  const ExtensionProblem large(Kind::clustered, Metric::cosine, 400, 1500, 64, 6, kBinary, 0.2, 99);
  check_blocks(large, 200000);
}

// Large searches go by locality; every 16th query beside brute force.
TEST(locality_changes_no_bit) {
  constexpr int64_t kRows = 4100, kLfs = 4, kEach = 16, kDims = 24;
  unsigned seed = 6000;
  for (Kind kind : {Kind::random, Kind::duplicates, Kind::zero_rows, Kind::shared})
    for (Metric metric : {Metric::cosine, Metric::l2}) {
      seed += 10;
      const bool with_itself = metric == Metric::cosine;
      const ref::Floats s = ref::embeddings(kind, kRows, kDims, seed);
      const ref::Floats q = with_itself ? s : ref::embeddings(kind, kRows, kDims, seed + 1);
      ref::Floats some{{}, 0, kDims};
      for (int64_t i = 0; i < kRows; i += kEach, ++some.rows)
        some.data.insert(some.data.end(), q.view().row(i), q.view().row(i) + kDims);
      const ExtensionProblem problem(some, s, metric, kLfs, kBinary, 0.1, seed);
      ref::Votes votes = ref::votes(kRows, kLfs, kBinary, 0.1, seed + 4);
      for (int64_t cell = 0; cell < problem.qv.view().size(); ++cell)
        votes.data[static_cast<size_t>(cell / kLfs * kEach * kLfs + cell % kLfs)] =
            problem.qv.data[static_cast<size_t>(cell)];
      ref::on_every_isa([&] {
        ref::Extended got = ref::room_for(kRows * kLfs);
        extend_votes({(with_itself ? s : q).view(), s.view(), metric}, votes.view(), problem.sv.view(), kBinary,
                     problem.thresholds.data(), got.votes.data(), got.neighbors.data(), got.scores.data());
        const auto part = [&](const auto& all) {
          auto out = all;
          out.clear();
          for (size_t i = 0; i < all.size(); i += kEach * kLfs)
            out.insert(out.end(), all.begin() + static_cast<int64_t>(i), all.begin() + static_cast<int64_t>(i) + kLfs);
          return out;
        };
        CHECK(part(got.votes) == problem.extended.votes);
        CHECK(part(got.neighbors) == problem.extended.neighbors);
        CHECK(ref::same(part(got.scores), problem.extended.scores));
      });
    }
}

TEST(blocks_name_rows_and_cells_of_the_whole) {
  const ExtensionProblem problem(Kind::random, Metric::cosine, 30, 40, 8, 3, kBinary, 0.5, 1);
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
        ExtensionProblem(ref::embeddings(queries, 90, 70, seed), ref::embeddings(support, 600, 70, seed + 1), metric, 5,
                         kBinary, 0.2, seed)
            .check_on_every_isa();
      }
}

TEST(threads_and_query_chunks_change_no_bit) {
  for (Metric metric : kMetrics) {
    const ExtensionProblem problem(Kind::clustered, metric, 333, 1100, 48, 6, kBinary, 0.15, 77);
    ref::on_every_isa([&] {
      const EmbeddingSet support(problem.s.view(), metric);
      for (int threads : {1, 2, 3, 16}) problem.check_rows(support, 0, 333, threads);
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {17, 15}, {100, 64}, {269, 64}})
        problem.check_rows(support, first, count, 2);
    });
  }
}

TEST(masses_of_duplicates_are_decided_in_bounded_memory) {
  for (Metric metric : kMetrics)
    ExtensionProblem(Kind::duplicates, metric, 70, 1300, 24, 8, kBinary, 0.9, 5).check_on_every_isa();
}

TEST(a_filter_as_wrong_as_its_bound_changes_no_bit) {
  unsigned seed = 500;
  for (Kind kind : {Kind::random, Kind::clustered, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm,
                    Kind::far_from_origin, Kind::shared})
    for (Metric metric : kMetrics) {
      const ExtensionProblem problem(kind, metric, 70, 700, 30, 5, kBinary, 0.2, seed += 10);
      ref::with_wrong_filters([&] { problem.check_rows(EmbeddingSet(problem.s.view(), metric), 0, 70, 2); });
    }
}

CHECK_MAIN

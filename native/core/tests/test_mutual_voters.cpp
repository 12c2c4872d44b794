// Rows searched among themselves, half the products for both sides, from a set and from rows of the caller's that are
// packed in parts: the float64 brute-force answer, bit for bit.
#include "core/tests/extension_problem.h"
#include "core/tests/wrong_filter.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::ExtensionProblem;
using ref::kBinary;
using ref::Kind;

namespace {

// The rows of a problem (queries and support are the same) as one set.
void check_mutual_voters(const ExtensionProblem& problem, int threads) {
  const EmbeddingSet set(problem.s.view(), problem.metric);
  problem.check(set, set, 0, threads);
}

// Plain rows in parts: with themselves, or queries beside a support.
void check_parts(const ExtensionProblem& problem, bool with_themselves, int threads, int64_t budget) {
  ref::Extended got = ref::room_for(problem.qv.view().size());
  int32_t progress = 0;
  RunOptions options;
  options.threads = threads;
  options.job.progress = &progress;
  const FloatMatrix support = problem.s.view(), queries = with_themselves ? support : problem.q.view();
  extend_votes({queries, support, problem.metric}, problem.qv.view(), problem.sv.view(), problem.domain,
               problem.thresholds.data(), got.votes.data(), got.neighbors.data(), got.scores.data(), options, budget);
  CHECK(got.votes == problem.extended.votes);
  CHECK(got.neighbors == problem.extended.neighbors);
  CHECK(ref::same(got.scores, problem.extended.scores));
  CHECK(progress == 1000);
}
constexpr int64_t kBlockAtATime = 1, kSomeBlocks = 80000;

}  // namespace

// Some rows do not vote, the last block is not whole, query votes are others than support votes.
TEST(mutual_voters_on_every_path) {
  unsigned seed = 7000;
  for (Kind kind : {Kind::random, Kind::clustered, Kind::duplicates, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm,
                    Kind::outliers, Kind::half_shared, Kind::shared, Kind::shared_near_ties, Kind::nearly_all_shared,
                    Kind::far_from_origin})
    for (Metric metric : ref::kMetrics) {
      const ref::Floats rows = ref::embeddings(kind, 1550, 20, seed += 10);
      const bool all_vote = kind == Kind::clustered || kind == Kind::duplicates;
      const ExtensionProblem problem(rows, rows, metric, 4, all_vote ? ref::kThreeClasses : kBinary,
                                     all_vote ? 0.6 : 0.2, seed);
      ref::on_every_isa([&] {
        check_mutual_voters(problem, 2);
        check_parts(problem, true, 2, kSomeBlocks);
      });
      check_mutual_voters(problem, 1);
      check_parts(problem, true, 3, kBlockAtATime);
    }
}

TEST(mutual_voters_with_a_filter_as_wrong_as_its_bound) {
  unsigned seed = 31;
  for (Kind kind : {Kind::clustered, Kind::shared})
    for (Metric metric : ref::kMetrics) {
      const ref::Floats rows = ref::embeddings(kind, 1550, 12, seed += 10);
      const ExtensionProblem problem(rows, rows, metric, 4, kBinary, 0.2, seed);
      ref::with_wrong_filters([&] {
        check_mutual_voters(problem, 3);
        check_parts(problem, true, 1, kBlockAtATime);
      });
    }
}

// More queries than wait at a time.
TEST(queries_beside_a_support_in_parts) {
  unsigned seed = 8000;
  for (Kind kind : {Kind::clustered, Kind::zero_rows, Kind::mixed_norm, Kind::shared})
    for (Metric metric : ref::kMetrics) {
      const ExtensionProblem problem(kind, metric, 560, 600, 24, 4, kBinary, 0.2, seed += 10);
      ref::on_every_isa([&] { check_parts(problem, false, 2, kBlockAtATime); });
    }
  const ExtensionProblem problem(Kind::clustered, Metric::cosine, 560, 600, 24, 4, kBinary, 0.2, seed);
  ref::with_wrong_filters([&] { check_parts(problem, false, 3, kBlockAtATime); });
}

// int8 filters give way to float32 where a few values are too large for the others: on one side or the other.
TEST(parts_of_sets_packed_differently) {
  unsigned seed = 9000;
  for (Kind queries : {Kind::random, Kind::outliers})
    for (Metric metric : ref::kMetrics) {
      const Kind support = queries == Kind::random ? Kind::outliers : Kind::random;
      seed += 10;
      const ExtensionProblem problem(ref::embeddings(queries, 300, 70, seed),
                                     ref::embeddings(support, 800, 70, seed + 1), metric, 4, kBinary, 0.2, seed);
      ref::on_every_isa([&] { check_parts(problem, false, 2, kBlockAtATime); });
    }
}

CHECK_MAIN

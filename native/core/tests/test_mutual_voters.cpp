// Rows searched among themselves, half the products for both sides (l2: all): the float64 brute-force answer, bit for
// bit.
#include "core/neighbors/voter_search.h"
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

}  // namespace

// Some rows do not vote, the last block is not whole, query votes are others than support votes.
TEST(mutual_voters_on_every_path) {
  unsigned seed = 7000;
  for (Kind kind : {Kind::random, Kind::clustered, Kind::duplicates, Kind::near_ties, Kind::zero_rows, Kind::mixed_norm,
                    Kind::outliers, Kind::half_shared, Kind::shared, Kind::shared_near_ties, Kind::nearly_all_shared})
    for (Metric metric : ref::kMetrics) {
      const ref::Floats rows = ref::embeddings(kind, 1550, 20, seed += 10);
      const bool all_vote = kind == Kind::clustered || kind == Kind::duplicates;
      const ExtensionProblem problem(rows, rows, metric, 4, all_vote ? ref::kThreeClasses : kBinary,
                                     all_vote ? 0.6 : 0.2, seed);
      ref::on_every_isa([&] { check_mutual_voters(problem, 2); });
      for (int threads : {1, 3}) check_mutual_voters(problem, threads);
    }
}

TEST(mutual_voters_with_a_filter_as_wrong_as_its_bound) {
  unsigned seed = 31;
  for (Kind kind : {Kind::clustered, Kind::shared})
    for (Metric metric : {Metric::cosine, Metric::dot}) {
      const ref::Floats rows = ref::embeddings(kind, 1550, 12, seed += 10);
      const ExtensionProblem problem(rows, rows, metric, 4, kBinary, 0.2, seed);
      ref::with_wrong_filters([&] {
        for (int threads : {1, 3}) check_mutual_voters(problem, threads);
      });
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

CHECK_MAIN

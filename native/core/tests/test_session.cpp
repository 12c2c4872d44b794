// A session after any edits against the whole computation from scratch (session_pair.h).
#include <cstdio>
#include <random>
#include <string>

#include "core/session/session.h"
#include "core/tests/check.h"
#include "core/tests/session_pair.h"

using namespace nearvote;

using reference::Lf, reference::Pair, reference::kInfinity;

namespace {

// Few changes, as when a rule is edited, or a new column.
std::vector<int8_t> edited(std::vector<int8_t> votes, const VoteDomain& domain, std::mt19937& rng) {
  const auto changes = 1 + rng() % 4;
  for (size_t c = 0; c < changes; ++c)
    votes[rng() % votes.size()] =
        domain.vote_of(static_cast<int>(rng() % static_cast<unsigned>(domain.classes + 1)) - 1);
  return votes;
}

// Runs one random sequence; true if the state matched after every edit.
bool run_sequence(unsigned seed, int64_t rows, int64_t dims, int edits) {
  std::mt19937 rng(seed);
  const auto& kinds = reference::all_kinds();
  const auto kind = kinds[rng() % kinds.size()];
  const Metric metric = std::vector<Metric>{Metric::cosine, Metric::dot, Metric::l2}[rng() % 3];
  const VoteDomain domain = rng() % 2 == 0 ? VoteDomain{2, true} : VoteDomain{static_cast<int>(2 + rng() % 3), false};
  Pair pair(reference::embeddings(kind, rows + rows / 4, dims, seed), rows, metric, domain,
            1 + static_cast<int64_t>(rng() % 9));
  const auto threshold = [&] {
    const auto pick = rng() % 6;
    const bool l2 = metric == Metric::l2;
    if (pick == 0) return l2 ? kInfinity : -kInfinity;
    if (pick == 1) return l2 ? 0.0 : kInfinity;
    return pair.some_score(rng);  // often exactly a score: the comparison is strict
  };
  for (int edit = 0; edit < edits; ++edit) {
    auto& lfs = pair.lfs();
    const auto what = rng() % 9;
    if (lfs.empty() || (what == 0 && lfs.size() < 5)) {
      const double coverage = std::vector<double>{0.0, 0.03, 0.1, 0.4, 1.0}[rng() % 5];
      pair.set_votes({"lf" + std::to_string(rng() % 9), reference::votes(pair.rows(), 1, domain, coverage, rng()).data,
                      threshold()});
      pair.remember();
    } else if (what <= 3) {
      Lf lf = lfs[rng() % lfs.size()];
      lf.votes = edited(lf.votes, domain, rng);
      pair.set_votes(lf);
      pair.remember();
    } else if (what <= 5) {
      pair.set_threshold(rng() % lfs.size(), threshold());
      pair.remember();
    } else if (what == 8) {
      pair.append(static_cast<int64_t>(rng() % 8), rng);
      pair.remember();
    } else if (what == 6) {
      pair.remove(rng() % lfs.size());
      pair.remember();
    } else {
      pair.undo();
    }
    if (!pair.matches_scratch()) return false;
  }
  return true;
}

}  // namespace

TEST(any_sequence_of_edits_equals_a_computation_from_scratch) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const bool equal = run_sequence(seed, seed % 5 == 0 ? 1 + seed % 9 : 20 + seed % 40, 1 + seed % 20, 10);
    if (!equal) std::printf("  sequence %u differs\n", seed);
    CHECK(equal);
  }
}

// Enough work for the filtered search behind the lists.
TEST(the_filtered_search_decides_the_same) {
  for (unsigned seed = 0; seed < 24; ++seed) CHECK(run_sequence(10000 + seed, 600, 33, 6));
}

TEST(a_bad_edit_changes_nothing) {
  Pair pair(reference::embeddings(reference::Kind::random, 30, 5, 1), Metric::cosine, {}, 4);
  pair.set_votes({"a", reference::votes(30, 1, {}, 0.3, 1).data, 0.5});
  const auto before = pair.session().state();
  const std::vector<int8_t> invalid(30, 7);
  CHECK_THROWS(pair.session().set_votes({{"a", invalid.data(), {}}}, {}), InvalidArgument);
  CHECK_THROWS(pair.session().set_votes({{"new", pair.lfs()[0].votes.data(), {}}}, {}), InvalidArgument);
  CHECK_THROWS(pair.session().set_threshold("b", 0.1, {}), InvalidArgument);
  CHECK_THROWS(pair.session().remove_lf("b"), InvalidArgument);
  int32_t cancel = 1;
  RunOptions cancelled;
  cancelled.job.cancel = &cancel;
  CHECK_THROWS(pair.session().set_threshold("a", 0.1, cancelled), Cancelled);
  CHECK(pair.session().state() == before);
  CHECK(pair.matches_scratch());
}

TEST(undo_ends_at_the_empty_session) {
  Pair pair(reference::embeddings(reference::Kind::clustered, 30, 5, 1), Metric::cosine, {}, 4);
  for (int i = 0; i < 3; ++i) {
    pair.set_votes({"lf" + std::to_string(i), reference::votes(30, 1, {}, 0.3, static_cast<unsigned>(i)).data, 0.5});
    pair.remember();
  }
  for (int i = 0; i < 3; ++i) pair.undo();
  CHECK(pair.session().state()->lfs.empty());
  CHECK_THROWS(pair.session().undo({}), InvalidArgument);
}

TEST(a_session_of_no_rows_or_one) {
  for (int64_t rows : {0, 1}) {
    Pair pair(reference::embeddings(reference::Kind::random, rows, 3, 1), Metric::cosine, {}, 4);
    pair.set_votes({"a", std::vector<int8_t>(static_cast<size_t>(rows), 1), 0.5});
    CHECK(pair.matches_scratch());
  }
}

CHECK_MAIN

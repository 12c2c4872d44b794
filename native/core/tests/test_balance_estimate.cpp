// The class balance estimated from votes, against the balance the votes were drawn with: LFs that name both classes,
// one of two classes each, one class only; three and four classes; and what is said where the votes cannot tell.
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/label_model/balance_estimate.h"
#include "core/tests/check.h"
#include "core/tests/simulated_votes.h"
#include "core/votes/vote_counts.h"

using namespace nearvote;
using namespace nearvote::testing;

namespace {

enum class Kind { both_classes, one_class_each, positive_only };

std::vector<ClassConditionalLf> draw_lfs(Kind kind, int count, uint64_t seed) {
  Random random{seed * 7919 + static_cast<uint64_t>(kind) * 31 + 1};
  for (int skip = 0; skip < 20; ++skip) random.uniform();
  std::vector<ClassConditionalLf> lfs;
  for (int i = 0; i < count; ++i) {
    ClassConditionalLf lf{};
    if (kind == Kind::both_classes) {
      const double accuracy = 0.6 + 0.3 * random.uniform(), coverage = 0.2 + 0.7 * random.uniform();
      lf.p[0][0] = lf.p[1][1] = coverage * accuracy;
      lf.p[0][1] = lf.p[1][0] = coverage * (1 - accuracy);
    } else {
      const int named = kind == Kind::positive_only ? 1 : i % 2;
      lf.p[named][named] = 0.1 + 0.3 * random.uniform();
      lf.p[named][1 - named] = lf.p[named][named] / (3 + 12 * random.uniform());
    }
    lfs.push_back(lf);
  }
  return lfs;
}

struct Outcome {
  double error = 0;  // root mean square
  double width = 0, covered = 0;
};

Outcome simulate(Kind kind, int lfs, int64_t rows, double positive, int draws) {
  Outcome out;
  for (int s = 0; s < draws; ++s) {
    const auto seed = static_cast<uint64_t>(s);
    const Simulation data = simulate_conditional(rows, draw_lfs(kind, lfs, seed), positive, seed + 1);
    const BalanceEstimate e = estimate_balance(count_votes({data.votes.data(), rows, lfs}, VoteDomain{}));
    CHECK_NEAR(e.balance[0] + e.balance[1], 1, 1e-12);
    CHECK(e.low[1] <= e.balance[1] && e.balance[1] <= e.high[1]);
    out.error += (e.balance[1] - positive) * (e.balance[1] - positive) / draws;
    out.width += (e.high[1] - e.low[1]) / draws;
    out.covered += (e.low[1] <= positive && positive <= e.high[1] ? 1.0 : 0.0) / draws;
  }
  out.error = std::sqrt(out.error);
  return out;
}

}  // namespace

TEST(the_error_shrinks_with_the_rows_and_the_interval_tells_it) {
  for (const Kind kind : {Kind::both_classes, Kind::one_class_each, Kind::positive_only}) {
    for (const double positive : {0.1, 0.3, 0.5}) {
      double before = 1;
      for (const int64_t rows : {1000, 10000, 100000}) {
        const int draws = rows == 100000 ? 6 : 24;
        const Outcome o = simulate(kind, 8, rows, positive, draws);
        std::printf("  kind %d, balance %.1f, n %6d: error %.3f, interval %.2f wide, holds %.2f\n",
                    static_cast<int>(kind), positive, static_cast<int>(rows), o.error, o.width, o.covered);
        CHECK(o.error < (rows == 1000 ? 0.15 : rows == 10000 ? 0.035 : 0.012));
        CHECK(o.error < before / 1.5);
        CHECK(o.covered > 0.8);
        before = o.error;
      }
    }
  }
}

TEST(many_lfs) {
  const Outcome o = simulate(Kind::both_classes, 30, 10000, 0.1, 12);
  CHECK(o.error < 0.025);
  CHECK(o.covered > 0.7);
}

TEST(four_classes) {
  const std::vector<double> truth{0.1, 0.2, 0.3, 0.4};
  for (const int64_t rows : {10000, 100000}) {
    double error = 0;
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const Simulation data =
          simulate_symmetric(rows, {0.9, 0.7, 0.6, 0.6, 0.8, 0.75}, {0.9, 0.5, 0.7, 1, 0.6, 0.8}, truth, seed);
      const BalanceEstimate e = estimate_balance(count_votes({data.votes.data(), rows, 6}, VoteDomain{4, false}));
      double sum = 0;
      for (size_t y = 0; y < 4; ++y) {
        error += std::fabs(e.balance[y] - truth[y]) / 20;
        sum += e.balance[y];
      }
      CHECK_NEAR(sum, 1, 1e-12);
    }
    CHECK(error < (rows == 10000 ? 0.03 : 0.02));
  }
}

// One LF repeats another: a pair that stands out, which the correction and the wider interval take care of. (All LFs of
// one side repeating one another can look like independent ones; nothing here would tell.)
TEST(a_dependent_pair_widens_the_interval) {
  constexpr int64_t rows = 10000, lfs = 8;
  double width = 0, independent = 0;
  int held = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Simulation data = simulate_conditional(rows, draw_lfs(Kind::both_classes, lfs, seed), 0.3, seed + 4);
    const auto estimate = [&] { return estimate_balance(count_votes({data.votes.data(), rows, lfs}, VoteDomain{})); };
    const BalanceEstimate before = estimate();
    Random random{seed + 5};
    for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
      if (random.uniform() < 0.6) data.votes[r * lfs + 2] = data.votes[r * lfs + 1];
    const BalanceEstimate after = estimate();
    independent += before.high[1] - before.low[1];
    width += after.high[1] - after.low[1];
    held += after.low[1] <= 0.3 && 0.3 <= after.high[1];
  }
  std::printf("  interval %.2f wide, with a dependent pair %.2f, holds %d of 12\n", independent / 12, width / 12, held);
  CHECK(width > 1.5 * independent);
  CHECK(held >= 10);
}

TEST(votes_that_cannot_tell_leave_it_open) {
  const int8_t nothing[] = {0, 0, 0, 0, 0, 0};
  for (const auto& [rows, lfs] : {std::pair<int64_t, int64_t>{2, 3}, {3, 2}, {0, 3}, {6, 1}, {6, 0}}) {
    const BalanceEstimate e = estimate_balance(count_votes({nothing, rows, lfs}, VoteDomain{}));
    CHECK(e.balance == (std::vector<double>{0.5, 0.5}));
    CHECK(e.low == (std::vector<double>{0, 0}) && e.high == (std::vector<double>{1, 1}));
  }
  // Two LFs of three that never disagree and a constant one; three that never meet.
  const int8_t constant[] = {1, 1, 1, -1, -1, 1, 1, 1, 1, -1, -1, 1};
  const int8_t apart[] = {1, 0, 0, 0, 1, 0, 0, 0, -1, 1, 0, 0};
  for (const int8_t* votes : {constant, apart}) {
    const BalanceEstimate e = estimate_balance(count_votes({votes, 4, 3}, VoteDomain{}));
    CHECK(std::isfinite(e.balance[1]) && e.balance[1] > 0 && e.balance[1] < 1);
    CHECK(e.high[1] - e.low[1] > 0.3);
  }
  const BalanceEstimate three = estimate_balance(count_votes({nothing, 2, 3}, VoteDomain{3, false}));
  CHECK(three.balance == std::vector<double>(3, 1.0 / 3));
}

CHECK_MAIN

// Errors against known truths fall with n as theory says, beside FlyingSquid's on the same votes: smaller where its
// assumptions or faults bias it, as small where it is right. Models: independent symmetric LFs, keyword LFs (one class
// or abstain), a dependent pair, four classes, a class balance of .1.
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/label_model/fit.h"
#include "core/label_model/flyingsquid.h"
#include "core/label_model/posterior.h"
#include "core/tests/check.h"
#include "core/tests/simulated_votes.h"
#include "core/votes/vote_counts.h"

using namespace nearvote;
using namespace nearvote::testing;

namespace {

const std::vector<double> kAccuracy{0.9, 0.8, 0.7, 0.65, 0.75, 0.85};
const std::vector<double> kCoverage{0.9, 0.5, 0.7, 0.95, 0.6, 0.8};
const std::vector<ClassConditionalLf> kKeywords{{{{0, 0}, {0.03, 0.3}}}, {{{0, 0}, {0.06, 0.35}}},
                                                {{{0, 0}, {0.02, 0.2}}}, {{{0.35, 0.06}, {0, 0}}},
                                                {{{0.25, 0.1}, {0, 0}}}, {{{0.2, 0.03}, {0, 0}}}};

struct Errors {
  double accuracy;  // mean |estimate - truth| over LFs, conditional on voting
  double brier;     // mean squared error of P(Y = +1) against Y
};

Errors errors(const LabelModel& model, const Simulation& data, const std::vector<double>& estimates) {
  const auto rows = static_cast<int64_t>(data.labels.size());
  std::vector<double> proba(static_cast<size_t>(rows * proba_columns(model)));
  predict_proba(model, {data.votes.data(), rows, model.lfs}, proba.data());
  Errors out{};
  for (size_t r = 0; r < data.labels.size(); ++r) {
    if (model.domain.signed_votes) {
      out.brier += (proba[r] - data.labels[r]) * (proba[r] - data.labels[r]);
    } else {
      const auto y = static_cast<size_t>(data.labels[r]);
      const double p = proba[r * static_cast<size_t>(model.domain.classes) + y];
      out.brier += (1 - p) * (1 - p);
    }
  }
  out.brier /= static_cast<double>(rows);
  // The truth of this sample: how often each LF was right where it voted.
  const auto lfs = static_cast<size_t>(model.lfs);
  for (size_t i = 0; i < lfs; ++i) {
    double right = 0, votes = 0;
    for (size_t r = 0; r < data.labels.size(); ++r) {
      const int c = model.domain.class_of(data.votes[r * lfs + i]);
      votes += c >= 0;
      right += c == data.labels[r];
    }
    out.accuracy += std::fabs(estimates[i] - right / votes) / static_cast<double>(lfs);
  }
  return out;
}

Errors ours(const VoteCounts& counts, const Simulation& data, const std::vector<double>& balance) {
  FitOptions options;
  options.class_balance = balance;
  const LabelModel model = fit_label_model(counts, options).model;
  std::vector<double> estimates;
  for (const LfAccuracy& lf : model.accuracies) estimates.push_back(lf.estimate);
  return errors(model, data, estimates);
}

// The reference's P(vote = Y) over all rows, made conditional on voting.
Errors theirs(const VoteCounts& counts, const Simulation& data, const std::vector<double>& balance) {
  const LabelModel model = fit_flyingsquid(counts, balance, {});
  std::vector<double> estimates;
  for (const LfAccuracy& lf : model.accuracies) estimates.push_back(lf.estimate / lf.coverage);
  return errors(model, data, estimates);
}

// Mean errors over a few draws.
template <class Draw>
void compare(const char* name, const std::vector<double>& balance, int64_t rows, Draw&& draw, Errors& us,
             Errors& them) {
  us = them = {};
  constexpr int draws = 4;
  for (uint64_t seed = 0; seed < draws; ++seed) {
    const Simulation data = draw(rows, seed);
    const auto lfs = static_cast<int64_t>(data.votes.size()) / rows;
    const VoteCounts counts = count_votes({data.votes.data(), rows, lfs}, VoteDomain{});
    const Errors a = ours(counts, data, balance), b = theirs(counts, data, balance);
    us.accuracy += a.accuracy / draws;
    us.brier += a.brier / draws;
    them.accuracy += b.accuracy / draws;
    them.brier += b.brier / draws;
  }
  std::printf("  %-24s n %6d   accuracy error %.4f (FlyingSquid %.4f)   Brier %.4f (%.4f)\n", name,
              static_cast<int>(rows), us.accuracy, them.accuracy, us.brier, them.brier);
}

}  // namespace

TEST(independent_symmetric_lfs) {
  for (const double positive : {0.5, 0.1}) {
    const std::vector<double> balance{1 - positive, positive};
    Errors us{}, them{}, before{};
    for (const int64_t rows : {1000, 10000, 100000}) {
      compare(
          positive == 0.5 ? "independent" : "independent, balance .1", balance, rows,
          [&](int64_t n, uint64_t seed) { return simulate_symmetric(n, kAccuracy, kCoverage, balance, 50 + seed); }, us,
          them);
      // A hundredfold n should divide the error by ten; half of that is asked of each tenfold step.
      if (rows > 1000) CHECK(us.accuracy < before.accuracy / 1.6);
      CHECK(us.brier < them.brier + 0.002);
      before = us;
    }
    CHECK(us.accuracy < 0.01);
  }
}

TEST(keyword_lfs) {
  for (const double positive : {0.5, 0.1}) {
    const std::vector<double> balance{1 - positive, positive};
    Errors us{}, them{};
    for (const int64_t rows : {1000, 10000, 100000}) {
      compare(
          positive == 0.5 ? "keywords" : "keywords, balance .1", balance, rows,
          [&](int64_t n, uint64_t seed) { return simulate_conditional(n, kKeywords, positive, 60 + seed); }, us, them);
      CHECK(us.brier < them.brier);
    }
    CHECK(us.accuracy < 0.02);
    CHECK(us.accuracy < them.accuracy / 2);
  }
}

TEST(a_dependent_pair) {
  const std::vector<double> balance{0.5, 0.5};
  Errors us{}, them{};
  for (const int64_t rows : {1000, 10000, 100000}) {
    compare(
        "dependent pair", balance, rows,
        [&](int64_t n, uint64_t seed) {
          Simulation data = simulate_symmetric(n, kAccuracy, kCoverage, balance, 70 + seed);
          Random random{seed + 7};
          for (size_t r = 0; r < data.labels.size(); ++r)
            if (random.uniform() < 0.8) data.votes[r * 6 + 3] = data.votes[r * 6 + 2];
          return data;
        },
        us, them);
    CHECK(us.accuracy < them.accuracy);
  }
}

TEST(four_classes_shrink_too) {
  const std::vector<double> balance{0.1, 0.2, 0.3, 0.4};
  double before = 1;
  for (const int64_t rows : {1000, 10000, 100000}) {
    const Simulation data = simulate_symmetric(rows, kAccuracy, kCoverage, balance, 80);
    const Errors us = ours(count_votes({data.votes.data(), rows, 6}, VoteDomain{4, false}), data, balance);
    std::printf("  four classes             n %6d   accuracy error %.4f   Brier of the true class %.4f\n",
                static_cast<int>(rows), us.accuracy, us.brier);
    CHECK(us.accuracy < before);
    before = us.accuracy;
  }
  CHECK(before < 0.015);
}

CHECK_MAIN

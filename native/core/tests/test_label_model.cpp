// The label model against hand computation, the definitions and simulation from known truths.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/fit.h"
#include "core/label_model/flyingsquid.h"
#include "core/label_model/pair_moments.h"
#include "core/label_model/posterior.h"
#include "core/tests/check.h"
#include "core/tests/simulated_votes.h"
#include "core/votes/vote_counts.h"

using namespace nearvote;
using namespace nearvote::testing;

namespace {

LabelModel fit_model(const VoteCounts& counts, const FitOptions& options) {
  return fit_label_model(counts, options).model;
}

const VoteDomain kBinary{};

FitOptions with(Method method, std::vector<double> balance = {}) {
  FitOptions options;
  options.method = method;
  options.class_balance = std::move(balance);
  return options;
}

const Method kTripletMethods[] = {Method::triplet_mean, Method::triplet_median, Method::triplet_weighted};

}  // namespace

TEST(posterior_is_bayes_rule) {
  LabelModel model;
  model.domain = kBinary;
  model.lfs = 2;
  model.class_balance = {0.7, 0.3};
  model.start = {std::log(0.7), std::log(0.3)};
  model.weights.assign(2 * 3 * 2, 0.0);
  const double p[2][3][2] = {{{0.5, 0.4}, {0.4, 0.1}, {0.1, 0.5}}, {{0.2, 0.3}, {0.6, 0.4}, {0.2, 0.3}}};
  for (int i = 0; i < 2; ++i)
    for (int o = 0; o < 3; ++o)
      for (int y = 0; y < 2; ++y) model.weight(i, o, y) = std::log(p[i][o][y]);
  const int8_t votes[] = {0, 0, 1, -1, -1, 1, 1, 1, 0, -1};
  double proba[5];
  predict_proba(model, {votes, 5, 2}, proba);
  for (int r = 0; r < 5; ++r) {
    const int a = kBinary.class_of(votes[2 * r]) + 1, b = kBinary.class_of(votes[2 * r + 1]) + 1;
    const double negative = 0.7 * p[0][a][0] * p[1][b][0], positive = 0.3 * p[0][a][1] * p[1][b][1];
    CHECK_NEAR(proba[r], positive / (positive + negative), 1e-15);
  }
}

TEST(posterior_of_classes_and_threads) {
  const std::vector<double> balance{0.5, 0.2, 0.3};
  const Simulation data = simulate_symmetric(40000, {0.8, 0.7, 0.6, 0.75}, {0.5, 0.9, 1, 0.3}, balance, 4);
  const VoteDomain domain{3, false};
  const VoteMatrix votes{data.votes.data(), 40000, 4};
  const LabelModel model = fit_model(count_votes(votes, domain), with(Method::triplet_median, balance));
  std::vector<double> one(40000 * 3), three(40000 * 3);
  predict_proba(model, votes, one.data(), 1);
  predict_proba(model, votes, three.data(), 3);
  CHECK(one == three);
  double worst = 0;
  for (size_t r = 0; r < 200; ++r) {
    double p[3], sum = 0;
    for (int y = 0; y < 3; ++y) {
      p[y] = balance[static_cast<size_t>(y)];
      for (int64_t i = 0; i < 4; ++i) {
        const int c = domain.class_of(votes(static_cast<int64_t>(r), i));
        const double a = model.accuracies[static_cast<size_t>(i)].estimate;
        if (c >= 0) p[y] *= c == y ? a : (1 - a) / 2;
      }
      sum += p[y];
    }
    for (size_t y = 0; y < 3; ++y) worst = std::fmax(worst, std::fabs(one[r * 3 + y] - p[y] / sum));
  }
  CHECK(worst < 1e-14);
}

// Columns: another order of memory, the same bits. 600 LFs: more voters than a byte counts.
TEST(posteriors_of_columns_are_those_of_rows) {
  for (const Method method : {Method::triplet_mean, Method::majority}) {
    for (const std::vector<double>& balance : {std::vector{0.4, 0.6}, std::vector{0.5, 0.2, 0.3}}) {
      for (const int64_t lfs : {7, method == Method::majority ? 600 : 8}) {
        const int64_t rows = 700, classes = static_cast<int64_t>(balance.size());
        const auto size = static_cast<size_t>(lfs);
        const Simulation data = simulate_symmetric(rows, std::vector(size, 0.7), std::vector(size, 0.6), balance, 7);
        const VoteDomain domain{static_cast<int>(classes), classes == 2};
        const VoteMatrix votes{data.votes.data(), rows, lfs};
        const LabelModel model = fit_model(count_votes(votes, domain), with(method, balance));
        std::vector<int8_t> by_column(data.votes.size()), labels(static_cast<size_t>(rows));
        std::vector<const int8_t*> columns;
        for (int64_t j = 0; j < lfs; ++j) {
          for (int64_t r = 0; r < rows; ++r) by_column[static_cast<size_t>(j * rows + r)] = votes(r, j);
          columns.push_back(by_column.data() + j * rows);
        }
        std::vector<double> expected(static_cast<size_t>(rows * proba_columns(model)));
        predict_proba(model, votes, expected.data());
        predict(model, votes, Undecided::abstain, Undecided::abstain, labels.data());
        int64_t wrong = 0;
        for_posteriors(model, columns, rows, 1, {}, [&](const PosteriorBlock& block) {
          for (int64_t r = 0; r < block.count; ++r) {
            const int64_t row = block.first + r, stored = proba_columns(model);
            const double* proba = block.proba + r * classes;
            const int label = block.voters[r] > 0 ? decided_class(proba, static_cast<int>(classes)) : -1;
            wrong += domain.vote_of(label) != labels[static_cast<size_t>(row)];
            wrong += block.voters[r] != lfs - std::count(votes.row(row), votes.row(row) + lfs, 0);
            wrong += !std::equal(proba + classes - stored, proba + classes, expected.begin() + row * stored);
          }
        });
        CHECK(wrong == 0);
      }
    }
  }
}

TEST(majority_is_the_share_of_votes) {
  const int8_t votes[] = {1, 1, -1, 0, 0, 0, -1, 1, 0, -1, -1, 0};
  const VoteMatrix matrix{votes, 4, 3};
  const LabelModel model = fit_model(count_votes(matrix, kBinary), with(Method::majority, {0.2, 0.8}));
  double proba[4];
  predict_proba(model, matrix, proba);
  CHECK_NEAR(proba[0], 2.0 / 3, 1e-15);
  CHECK_NEAR(proba[1], 0.8, 1e-15);
  CHECK_NEAR(proba[2], 0.5, 1e-15);
  CHECK_NEAR(proba[3], 0.0, 1e-15);
  int8_t label[4];
  predict(model, matrix, Undecided::abstain, Undecided::abstain, label);
  CHECK(label[0] == 1 && label[1] == 0 && label[2] == 0 && label[3] == -1);
  predict(model, matrix, Undecided::prior, Undecided::abstain, label);
  CHECK(label[0] == 1 && label[1] == 0 && label[2] == 1 && label[3] == -1);
  predict(model, matrix, Undecided::abstain, Undecided::prior, label);
  CHECK(label[0] == 1 && label[1] == 1 && label[2] == 0 && label[3] == -1);
}

TEST(pair_moments_by_hand) {
  // Rows where both vote: 5, of which 4 agree: m = 2 * 4/5 - 1.
  const int8_t votes[] = {1, 1, 1, 1, -1, -1, -1, -1, 1, -1, 0, 1, 1, 0};
  const PairMoments moments = agreement_moments(count_votes({votes, 7, 2}, kBinary));
  CHECK_NEAR(moments.m(0, 1), 0.6, 1e-15);
  CHECK_NEAR(moments.m(1, 0), 0.6, 1e-15);
  CHECK(moments.var(0, 1) > 0 && moments.var(0, 1) < 0.25);
}

TEST(triplets_recover_accuracies) {
  const std::vector<double> accuracy{0.9, 0.8, 0.7, 0.65, 0.6}, coverage{0.9, 0.5, 0.7, 1, 0.3};
  for (const double positive : {0.5, 0.1}) {
    const Simulation data = simulate_symmetric(200000, accuracy, coverage, {1 - positive, positive}, 11);
    const VoteCounts counts = count_votes({data.votes.data(), 200000, 5}, kBinary);
    for (const Method method : kTripletMethods) {
      const LabelModel model = fit_model(counts, with(method, {0.5, 0.5}));
      for (size_t i = 0; i < 5; ++i) {
        CHECK_NEAR(model.accuracies[i].estimate, accuracy[i], 0.012);
        CHECK_NEAR(model.accuracies[i].coverage, coverage[i], 0.005);
        CHECK(model.accuracies[i].sign == 1 && !model.accuracies[i].from_prior);
      }
    }
  }
}

TEST(triplets_recover_accuracies_of_four_classes) {
  const std::vector<double> accuracy{0.9, 0.7, 0.5, 0.6}, coverage{0.9, 0.5, 0.7, 1};
  const Simulation data = simulate_symmetric(200000, accuracy, coverage, {0.1, 0.2, 0.3, 0.4}, 12);
  const VoteCounts counts = count_votes({data.votes.data(), 200000, 4}, VoteDomain{4, false});
  for (const Method method : kTripletMethods) {
    const LabelModel model = fit_model(counts, with(method, {0.1, 0.2, 0.3, 0.4}));
    for (size_t i = 0; i < 4; ++i) CHECK_NEAR(model.accuracies[i].estimate, accuracy[i], 0.012);
  }
}

// The reference takes every LF as better than random (fault L6).
TEST(signs_of_adversarial_lfs_are_found) {
  const Simulation data = simulate_symmetric(50000, {0.9, 0.8, 0.2, 0.7, 0.35}, {1, 1, 1, 1, 1}, {0.5, 0.5}, 13);
  const VoteCounts counts = count_votes({data.votes.data(), 50000, 5}, kBinary);
  for (const Method method : kTripletMethods) {
    const LabelModel model = fit_model(counts, with(method, {0.5, 0.5}));
    CHECK(model.accuracies[2].sign == -1 && model.accuracies[4].sign == -1);
    CHECK_NEAR(model.accuracies[2].estimate, 0.2, 0.02);
    FitOptions positive = with(method, {0.5, 0.5});
    positive.all_positive = true;
    CHECK_NEAR(fit_model(counts, positive).accuracies[2].estimate, 0.8, 0.02);
  }
}

// Three LFs are needed for a triplet, the reference averages dead LFs in as zeros (fault L7).
TEST(what_votes_do_not_tell_comes_from_the_prior) {
  const Simulation data = simulate_symmetric(20000, {0.9, 0.8, 0.7, 0.7}, {1, 1, 1, 0}, {0.5, 0.5}, 14);
  const LabelModel dead =
      fit_model(count_votes({data.votes.data(), 20000, 4}, kBinary), with(Method::triplet_mean, {0.5, 0.5}));
  CHECK(dead.accuracies[3].from_prior);
  CHECK_NEAR(dead.accuracies[3].estimate, 0.75, 1e-15);
  CHECK_NEAR(dead.accuracies[0].estimate, 0.9, 0.02);
  const int8_t pair[] = {1, 1, -1, 1, -1, -1};
  const LabelModel two = fit_model(count_votes({pair, 3, 2}, kBinary), with(Method::triplet_median, {0.5, 0.5}));
  CHECK(two.accuracies[0].from_prior && two.accuracies[1].from_prior);
  double proba[3];
  predict_proba(two, {pair, 3, 2}, proba);
  CHECK_NEAR(proba[0], 0.9, 1e-12);  // 3/4 and 3/4 for it: odds 9 : 1
  CHECK_NEAR(proba[1], 0.5, 1e-12);
}

// Keyword LFs agree by construction wherever two of a class meet: agreements would call them perfect.
TEST(triplets_of_unipolar_lfs_use_covariances) {
  const std::vector<ClassConditionalLf> lfs{{{{0, 0}, {0.05, 0.3}}}, {{{0, 0}, {0.05, 0.3}}}, {{{0, 0}, {0.1, 0.4}}},
                                            {{{0.3, 0.05}, {0, 0}}}, {{{0.2, 0.1}, {0, 0}}},  {{{0.3, 0.1}, {0, 0}}}};
  const Simulation data = simulate_conditional(500000, lfs, 0.4, 16);
  const VoteCounts counts = count_votes({data.votes.data(), 500000, 6}, kBinary);
  for (const Method method : kTripletMethods) {
    const LabelModel model = fit_model(counts, with(method, {0.6, 0.4}));
    for (int64_t i = 0; i < 6; ++i) {
      const int c = i < 3 ? 1 : 0;
      for (int y = 0; y < 2; ++y) {
        CHECK_NEAR(std::exp(model.weight(i, c + 1, y)), lfs[static_cast<size_t>(i)].p[c][y], 0.02);
      }
    }
  }
}

TEST(class_balance_is_checked) {
  CHECK(checked_balance({3, 1}, 2) == (std::vector<double>{0.75, 0.25}));
  CHECK_THROWS(checked_balance({0.2, 0.3, 0.5}, 2), InvalidArgument);
  CHECK_THROWS(checked_balance({-0.2, 1.2}, 2), InvalidArgument);
  CHECK_THROWS(checked_balance({0, 0}, 2), InvalidArgument);
  CHECK_THROWS(checked_balance({NAN, 1}, 2), InvalidArgument);
}

// The clique table of one LF by the closed form: z = .2, p = .5, and the prior's second power in the posterior.
TEST(flyingsquid_counts_the_prior_twice) {
  const Simulation data = simulate_symmetric(10000, {0.9, 0.8, 0.7}, {1, 1, 0.8}, {0.7, 0.3}, 15);
  const VoteCounts counts = count_votes({data.votes.data(), 10000, 3}, kBinary);
  FlyingSquidOptions right;
  right.prior_twice = false;
  const LabelModel reference = fit_flyingsquid(counts, {0.7, 0.3}, {}),
                   exact = fit_flyingsquid(counts, {0.7, 0.3}, right);
  double a[10], b[10];
  predict_proba(reference, {data.votes.data(), 10, 3}, a);
  predict_proba(exact, {data.votes.data(), 10, 3}, b);
  for (int r = 0; r < 10; ++r) CHECK_NEAR(a[r] / (1 - a[r]), b[r] / (1 - b[r]) * 3 / 7, 1e-9 * a[r] / (1 - a[r]));
  CHECK_THROWS(fit_flyingsquid(count_votes({data.votes.data(), 10, 2}, kBinary), {0.5, 0.5}, {}), InvalidArgument);
}

CHECK_MAIN

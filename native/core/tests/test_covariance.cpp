// The covariance solver finds known truths again, also where the reference's assumptions fail (faults L4, L6, L7 and
// the symmetric-error assumption), and stays sensible where the votes tell nothing.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/label_model/covariance.h"
#include "core/label_model/fit.h"
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

// Three keyword LFs for each class and a two-sided LF with asymmetric errors.
const std::vector<ClassConditionalLf> kKeywords{
    {{{0, 0}, {0.02, 0.25}}}, {{{0, 0}, {0.05, 0.3}}},  {{{0, 0}, {0.01, 0.1}}},    {{{0.3, 0.05}, {0, 0}}},
    {{{0.2, 0.1}, {0, 0}}},   {{{0.15, 0.02}, {0, 0}}}, {{{0.6, 0.1}, {0.1, 0.5}}},
};

double worst_likelihood_error(int64_t rows, double positive, uint64_t seed) {
  const Simulation data = simulate_conditional(rows, kKeywords, positive, seed);
  const auto lfs = static_cast<int64_t>(kKeywords.size());
  const VoteCounts counts = count_votes({data.votes.data(), rows, lfs}, kBinary);
  const CovarianceFit fit = fit_covariance(counts, {1 - positive, positive}, false);
  double worst = 0;
  for (size_t i = 0; i < kKeywords.size(); ++i)
    for (size_t c = 0; c < 2; ++c)
      for (size_t y = 0; y < 2; ++y) {
        worst = std::fmax(worst, std::fabs(fit.likelihood[(2 * i + c) * 2 + y] - kKeywords[i].p[c][y]));
      }
  return worst;
}

FitOptions balanced() {
  FitOptions options;
  options.class_balance = {0.5, 0.5};
  return options;
}

double brier(const LabelModel& model, const Simulation& data) {
  std::vector<double> proba(data.labels.size());
  predict_proba(model, {data.votes.data(), static_cast<int64_t>(proba.size()), model.lfs}, proba.data());
  double sum = 0;
  for (size_t r = 0; r < proba.size(); ++r) sum += (proba[r] - data.labels[r]) * (proba[r] - data.labels[r]);
  return sum / static_cast<double>(proba.size());
}

}  // namespace

TEST(unipolar_lfs_are_recovered_and_the_error_shrinks) {
  for (const double positive : {0.5, 0.1}) {
    CHECK(worst_likelihood_error(10000, positive, 1) < 0.12);
    CHECK(worst_likelihood_error(100000, positive, 1) < 0.035);
    CHECK(worst_likelihood_error(1000000, positive, 1) < 0.012);
  }
}

TEST(an_adversarial_lf_is_turned) {
  const Simulation data = simulate_symmetric(20000, {0.9, 0.8, 0.2, 0.7, 0.75}, {1, 0.8, 0.9, 1, 0.6}, {0.5, 0.5}, 2);
  const VoteCounts counts = count_votes({data.votes.data(), 20000, 5}, kBinary);
  const LabelModel model = fit_model(counts, balanced());
  CHECK(model.accuracies[2].sign == -1);
  CHECK_NEAR(model.accuracies[2].estimate, 0.2, 0.03);
  CHECK_NEAR(model.accuracies[0].estimate, 0.9, 0.03);
  FitOptions positive = balanced();
  positive.all_positive = true;
  CHECK(fit_model(counts, positive).accuracies[2].estimate >= 0.49);
}

// LFs 0, 1, 2 repeat one another on 70 % of the rows; counted as independent they outvote the rest.
TEST(dependent_lfs_do_not_carry_the_fit) {
  Simulation data = simulate_symmetric(20000, {0.65, 0.65, 0.65, 0.8, 0.75, 0.85, 0.7, 0.75},
                                       std::vector<double>(8, 0.8), {0.5, 0.5}, 3);
  Random random{99};
  for (size_t r = 0; r < data.labels.size(); ++r)
    for (size_t i : {1, 2})
      if (random.uniform() < 0.7) data.votes[r * 8 + i] = data.votes[r * 8];
  const VoteCounts counts = count_votes({data.votes.data(), 20000, 8}, kBinary);
  const LabelModel model = fit_model(counts, balanced());
  for (size_t i = 0; i < 3; ++i) CHECK_NEAR(model.accuracies[i].estimate, 0.65, 0.05);
  CHECK_NEAR(model.accuracies[5].estimate, 0.85, 0.03);
}

TEST(four_classes) {
  const std::vector<double> accuracy{0.9, 0.7, 0.5, 0.6, 0.8}, balance{0.1, 0.2, 0.3, 0.4};
  const Simulation data = simulate_symmetric(100000, accuracy, {0.9, 0.5, 0.7, 1, 0.6}, balance, 4);
  FitOptions options;
  options.class_balance = balance;
  const LabelModel model = fit_model(count_votes({data.votes.data(), 100000, 5}, VoteDomain{4, false}), options);
  for (size_t i = 0; i < 5; ++i) CHECK_NEAR(model.accuracies[i].estimate, accuracy[i], 0.025);
}

TEST(better_than_majority_and_triplets_on_keywords) {
  const Simulation data = simulate_conditional(20000, kKeywords, 0.3, 5);
  const VoteCounts counts = count_votes({data.votes.data(), 20000, 7}, kBinary);
  FitOptions options;
  options.class_balance = {0.7, 0.3};
  const double covariance = brier(fit_model(counts, options), data);
  options.method = Method::majority;
  CHECK(covariance < brier(fit_model(counts, options), data) - 0.01);
  options.method = Method::triplet_median;
  CHECK(covariance < brier(fit_model(counts, options), data));
}

// Over many draws the 95 % intervals hold the truth 95 % of the time, within two points.
TEST(intervals_cover_the_truth) {
  const std::vector<double> accuracy{0.9, 0.8, 0.7, 0.65, 0.75, 0.85, 0.6, 0.7};
  const std::vector<double> coverage{0.9, 0.5, 0.7, 1, 0.3, 0.8, 0.9, 0.6};
  for (const Method method : {Method::covariance, Method::triplet_weighted}) {
    for (const int64_t rows : {2000, 10000}) {
      for (const double positive : {0.5, 0.1}) {
        FitOptions options;
        options.class_balance = {1 - positive, positive};
        options.method = method;
        int64_t held = 0, all = 0;
        for (uint64_t seed = 0; seed < 250; ++seed) {
          const Simulation data = simulate_symmetric(rows, accuracy, coverage, options.class_balance, 1000 + seed);
          const LabelModel model = fit_model(count_votes({data.votes.data(), rows, 8}, kBinary), options);
          for (size_t i = 0; i < accuracy.size(); ++i) {
            held += model.accuracies[i].low <= accuracy[i] && accuracy[i] <= model.accuracies[i].high;
            ++all;
          }
        }
        const double share = static_cast<double>(held) / static_cast<double>(all);
        CHECK_NEAR(share, 0.95, 0.02);
      }
    }
  }
}

// The same for other models: four classes, keyword LFs, asymmetric errors, a pair of LFs that repeat each other.
TEST(intervals_cover_the_truth_of_other_models) {
  const std::vector<double> accuracy{0.9, 0.8, 0.7, 0.65, 0.75, 0.85, 0.6, 0.7};
  const std::vector<double> coverage{0.9, 0.5, 0.7, 1, 0.3, 0.8, 0.9, 0.6};
  const std::vector<ClassConditionalLf> asymmetric{{{{0.6, 0.1}, {0.1, 0.5}}},  {{{0.3, 0.1}, {0.05, 0.4}}},
                                                   {{{0.5, 0.2}, {0.1, 0.6}}},  {{{0.7, 0.1}, {0.2, 0.8}}},
                                                   {{{0.4, 0.05}, {0.1, 0.3}}}, {{{0.3, 0.1}, {0.1, 0.3}}}};
  const int64_t rows = 10000;
  for (const char* model : {"four classes", "keywords", "asymmetric", "asymmetric, balance .1", "a dependent pair"}) {
    const std::string name = model;
    FitOptions options;
    options.class_balance = {0.5, 0.5};
    if (name == "four classes") options.class_balance = {0.1, 0.2, 0.3, 0.4};
    if (name == "asymmetric, balance .1") options.class_balance = {0.9, 0.1};
    const bool conditional = name == "keywords" || name.starts_with("asymmetric");
    const auto& lfs = name == "keywords" ? kKeywords : asymmetric;
    const VoteDomain domain{static_cast<int>(options.class_balance.size()), options.class_balance.size() == 2};
    int64_t held = 0, all = 0;
    for (uint64_t seed = 0; seed < 150; ++seed) {
      const double positive = options.class_balance[1];
      Simulation data = conditional ? simulate_conditional(rows, lfs, positive, 2000 + seed)
                                    : simulate_symmetric(rows, accuracy, coverage, options.class_balance, 2000 + seed);
      std::vector<double> truth = accuracy;
      if (conditional) {
        truth.clear();
        for (const ClassConditionalLf& lf : lfs) {
          const double right = (1 - positive) * lf.p[0][0] + positive * lf.p[1][1];
          const double wrong = (1 - positive) * lf.p[1][0] + positive * lf.p[0][1];
          truth.push_back(right / (right + wrong));
        }
      }
      if (name == "a dependent pair") {  // LF 3 repeats LF 2 on half of the rows
        Random random{seed + 9};
        for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
          if (random.uniform() < 0.5) data.votes[r * 8 + 3] = data.votes[r * 8 + 2];
        truth[3] = (0.7 * 0.7 + 1 * 0.65) / (0.7 + 1);
      }
      const auto count = static_cast<int64_t>(truth.size());
      const LabelModel fitted = fit_model(count_votes({data.votes.data(), rows, count}, domain), options);
      for (size_t i = 0; i < truth.size(); ++i) {
        held += fitted.accuracies[i].low <= truth[i] && truth[i] <= fitted.accuracies[i].high;
        ++all;
      }
    }
    const double share = static_cast<double>(held) / static_cast<double>(all);
    std::printf("  %s: %.3f\n", model, share);
    CHECK_NEAR(share, 0.95, 0.03);
  }
}

TEST(automatic_says_why) {
  const Simulation data = simulate_symmetric(5000, {0.9, 0.8, 0.7, 0.75}, {1, 0.8, 0.9, 0.7}, {0.5, 0.5}, 8);
  FitOptions options = balanced();
  const FittedModel many = fit_label_model(count_votes({data.votes.data(), 5000, 4}, kBinary), options);
  CHECK(many.method == Method::covariance && many.choice == Choice::covariance);
  CHECK_NEAR(many.dependence, 1, 0.2);
  const FittedModel two = fit_label_model(count_votes({data.votes.data(), 5000, 2}, kBinary), options);
  CHECK(two.method == Method::majority && two.choice == Choice::few_lfs);
  // Twelve copies of one coin and four independent LFs: evidence that repeats itself.
  std::vector<int8_t> copies;
  Random random{3};
  for (size_t r = 0; r < 5000; ++r) {
    const int8_t coin = random.uniform() < 0.5 ? int8_t{1} : int8_t{-1};
    for (int64_t i = 0; i < 12; ++i) copies.push_back(random.uniform() < 0.9 ? coin : static_cast<int8_t>(-coin));
    for (size_t i = 0; i < 4; ++i) copies.push_back(data.votes[r * 4 + i]);
  }
  options.method = Method::covariance;
  CHECK(fit_label_model(count_votes({copies.data(), 5000, 16}, kBinary), options).dependence >= 1);
}

TEST(little_data_leaves_the_prior) {
  const int8_t lone[] = {1, 0, 0, -1, 1, 0, 0, -1};  // two LFs that never meet
  const LabelModel model = fit_model(count_votes({lone, 4, 2}, kBinary), balanced());
  for (const LfAccuracy& lf : model.accuracies) {
    CHECK(lf.from_prior);
    CHECK_NEAR(lf.estimate, 0.75, 0.01);  // the mean of the prior, cut off at certainty
  }
  // No rows, no LFs, LFs that always or never vote: finite models.
  for (const int64_t rows : {0, 1, 3}) {
    const std::vector<int8_t> votes{1, 0, -1, 1, 0, -1, 1, 0, -1};
    for (const double positive : {0.0, 0.01, 0.5, 1.0}) {
      FitOptions options;
      options.class_balance = {1 - positive, positive};
      const LabelModel some = fit_model(count_votes({votes.data(), rows, 3}, kBinary), options);
      for (const double weight : some.weights) CHECK(std::isfinite(weight));
    }
  }
  CHECK(fit_model(count_votes({nullptr, 5, 0}, kBinary), {}).accuracies.empty());
}

CHECK_MAIN

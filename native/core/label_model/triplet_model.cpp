#include "core/label_model/triplet_model.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/class_conditional.h"
#include "core/label_model/correlations.h"
#include "core/label_model/pair_moments.h"
#include "core/label_model/vote_prior.h"

namespace nearvote {
namespace {

// At least one vote in a hundred for a second class.
bool names_several_classes(const VoteCounts& counts, int64_t lf) {
  int64_t most = 0;
  for (int c = 0; c < counts.domain.classes; ++c) most = std::max(most, counts.votes(lf * counts.domain.classes + c));
  return 100 * (counts.lf_votes(lf) - most) >= counts.lf_votes(lf);
}

int team(const FitOptions& options, int64_t tasks, int64_t lfs) {
  return lfs < 40 ? 1 : effective_threads(options.threads, tasks);  // a few microseconds: no team
}

LabelModel from_agreements(const VoteCounts& counts, LabelModel model, TripletRule rule, const FitOptions& options,
                           const JobControl& job) {
  const int classes = counts.domain.classes;
  const PairMoments moments = agreement_moments(counts);
  std::vector<int> signs(static_cast<size_t>(counts.lfs), 1);
  if (!options.all_positive) signs = recover_signs(counts, moments);
  model.start = log_balance(model.class_balance);
  parallel_for(counts.lfs, team(options, counts.lfs, counts.lfs), [&](int64_t i, int) {
    job.check();
    const auto at = static_cast<size_t>(i);
    const TripletEstimate triplets = solve_triplets(moments.value.data() + i * counts.lfs,
                                                    moments.variance.data() + i * counts.lfs, moments, i, rule);
    LfAccuracy& accuracy = model.accuracies[at];
    accuracy.from_prior = triplets.candidates == 0;
    accuracy.sign = accuracy.from_prior ? 1 : signs[at];
    const double b = accuracy.sign * triplets.magnitude;
    const double raw = accuracy.from_prior ? kPriorAccuracy : (b * (classes - 1) + 1) / classes;
    // n votes cannot show that an LF errs less often than about once in n + 2.
    const double least = std::min(1.0 / (static_cast<double>(counts.lf_votes(i)) + 2), 0.25);
    accuracy.estimate = std::clamp(raw, least, 1 - least);
    accuracy.clamped = accuracy.estimate != raw;
    if (!accuracy.from_prior) {
      // Of the moments, and of the LF's own votes being right or wrong, which all its moments share.
      const double others = static_cast<double>(counts.lfs - 1);
      const double own = std::max(1 - b * b, 0.0) / static_cast<double>(counts.lf_votes(i)) * (others - 1) / others;
      const double error = 1.96 * std::sqrt(triplets.variance + own) * (classes - 1) / classes;
      accuracy.low = std::max(accuracy.estimate - error, 0.0);
      accuracy.high = std::min(accuracy.estimate + error, 1.0);
    }
    const double right = std::log(accuracy.estimate), wrong = std::log((1 - accuracy.estimate) / (classes - 1));
    for (int c = 0; c < classes; ++c)
      for (int y = 0; y < classes; ++y) model.weight(i, c + 1, y) = c == y ? right : wrong;
  });
  return model;
}

LabelModel from_covariances(const VoteCounts& counts, LabelModel model, TripletRule rule, const FitOptions& options,
                            const JobControl& job) {
  const int classes = counts.domain.classes;
  const int64_t size = counts.indicators();
  std::vector<PairMoments> scores;
  std::vector<std::vector<int>> signs;
  for (int y = 0; y < classes; ++y) {
    scores.push_back(score_moments(counts, y));
    signs.push_back(recover_signs(counts, scores.back()));
  }
  const VoteShares shares = vote_shares(counts);
  const std::vector<double> prior = prior_differences(counts, shares, model.class_balance);
  std::vector<double> likelihood(static_cast<size_t>(size * classes)), learnt(static_cast<size_t>(size));
  std::vector<double> error(static_cast<size_t>(size));  // standard error of P(u | own class) P(own class)
  std::vector<uint8_t> clamped(static_cast<size_t>(size));
  parallel_for(size, team(options, size, counts.lfs), [&](int64_t u, int) {
    job.check();
    const auto at = static_cast<size_t>(u), y = static_cast<size_t>(u % classes);
    const double p = shares.share[at], q = model.class_balance[y];
    double difference = prior[at];
    if (p > 0 && q > 0 && q < 1) {
      std::vector<double> row, variance;
      indicator_moments(counts, u, row, variance);
      const TripletEstimate triplets = solve_triplets(row.data(), variance.data(), scores[y], u / classes, rule);
      if (triplets.candidates > 0) {
        double pull = 0;
        for (int64_t j = 0; j < counts.lfs; ++j) {
          const auto partner = static_cast<size_t>(j);
          if (!std::isinf(variance[partner])) pull += signs[y][partner] * row[partner] / std::sqrt(variance[partner]);
        }
        const double sign = pull < 0 && !options.all_positive ? -1 : 1;
        const double raw = sign * triplets.magnitude / std::sqrt(q * (1 - q));
        difference = std::clamp(raw, -largest_difference(p, 1 - q), largest_difference(p, q));
        clamped[at] = difference != raw;
        // Votes that hardly ever meet another LF's say nothing.
        const auto overlap = static_cast<double>(counts.overlaps[at]);
        learnt[at] = overlap / (overlap + kOverlapPrior);
        difference = learnt[at] * difference + (1 - learnt[at]) * prior[at];
        const double n = static_cast<double>(counts.rows);
        const double sampling = triplets.variance / (q * (1 - q)) + p * (1 - p) / (q * (1 - q) * n);
        const double doubt = (1 - learnt[at]) * prior[at] / 2;
        error[at] = q * (1 - q) * std::sqrt(learnt[at] * learnt[at] * sampling + doubt * doubt);
      }
    }
    for (size_t k = 0; k < static_cast<size_t>(classes); ++k) {
      const double given = p + (k == y ? 1 - q : -q) * difference;
      likelihood[at * static_cast<size_t>(classes) + k] = std::max(given, 0.01 * p);
    }
  });
  set_likelihoods(model, counts, likelihood, learnt);
  for (size_t i = 0; i < model.accuracies.size(); ++i) {
    LfAccuracy& accuracy = model.accuracies[i];
    double sum = 0, votes = 0;  // errors of an LF's votes add up at worst
    for (size_t u = i * static_cast<size_t>(classes); u < (i + 1) * static_cast<size_t>(classes); ++u) {
      if (clamped[u] != 0) accuracy.clamped = true;
      sum += error[u];
      votes += shares.share[u];
    }
    if (accuracy.from_prior) continue;
    accuracy.low = std::max(accuracy.estimate - 1.96 * sum / votes, 0.0);
    accuracy.high = std::min(accuracy.estimate + 1.96 * sum / votes, 1.0);
  }
  return model;
}

}  // namespace

LabelModel fit_triplet_model(const VoteCounts& counts, LabelModel model, TripletRule rule, const FitOptions& options,
                             const JobControl& job) {
  bool symmetric = true;
  for (int64_t i = 0; i < counts.lfs; ++i) {
    symmetric = symmetric && (counts.lf_votes(i) == 0 || names_several_classes(counts, i));
  }
  const auto fit = symmetric ? from_agreements : from_covariances;
  return fit(counts, std::move(model), rule, options, job);
}

}  // namespace nearvote

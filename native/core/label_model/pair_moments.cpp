#include "core/label_model/pair_moments.h"

#include <cmath>
#include <limits>

namespace nearvote {

PairMoments agreement_moments(const VoteCounts& counts) {
  PairMoments moments;
  moments.lfs = counts.lfs;
  moments.classes = counts.domain.classes;
  const auto size = static_cast<size_t>(counts.lfs * counts.lfs);
  moments.value.assign(size, 0.0);
  moments.variance.assign(size, std::numeric_limits<double>::infinity());
  const double k = counts.domain.classes;
  const double scale = k / (k - 1);
  for (int64_t i = 0; i < counts.lfs; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const auto both = static_cast<double>(counts.lf_both(i, j));
      if (both == 0) continue;
      const auto agree = static_cast<double>(counts.lf_agree(i, j));
      // The share in the variance is drawn towards chance by one row, so that two rows that agree are no certainty.
      const double share = (agree + 1 / k) / (both + 1);
      const double value = scale * (agree / both - 1 / k);
      const double variance = scale * scale * share * (1 - share) / both;
      const auto ij = static_cast<size_t>(i * counts.lfs + j), ji = static_cast<size_t>(j * counts.lfs + i);
      moments.value[ij] = moments.value[ji] = value;
      moments.variance[ij] = moments.variance[ji] = variance;
    }
  }
  return moments;
}

namespace {

// E[s] and E[s^2] of LF i's score for class y.
struct ScoreMargin {
  double mean, variance;
};

ScoreMargin score_margin(const VoteCounts& counts, int64_t lf, int y) {
  const auto n = static_cast<double>(counts.rows);
  const double votes = static_cast<double>(counts.lf_votes(lf)) / n;
  const double mean = 2 * static_cast<double>(counts.votes(lf * counts.domain.classes + y)) / n - votes;
  return {mean, votes - mean * mean};
}

// E[u s_j]: u an indicator, s_j the score of LF j for class y.
double product_with_score(const VoteCounts& counts, int64_t u, int64_t j, int y) {
  const int classes = counts.domain.classes;
  int64_t same = 0, all = 0;
  for (int c = 0; c < classes; ++c) {
    const int64_t both = counts.both(u, j * classes + c);
    all += both;
    if (c == y) same = both;
  }
  return static_cast<double>(2 * same - all) / static_cast<double>(counts.rows);
}

}  // namespace

PairMoments score_moments(const VoteCounts& counts, int y) {
  const int classes = counts.domain.classes;
  PairMoments moments;
  moments.lfs = counts.lfs;
  moments.classes = classes;
  const auto size = static_cast<size_t>(counts.lfs * counts.lfs);
  moments.value.assign(size, 0.0);
  moments.variance.assign(size, std::numeric_limits<double>::infinity());
  for (int64_t i = 0; i < counts.lfs; ++i) {
    const ScoreMargin a = score_margin(counts, i, y);
    if (!(a.variance > 0)) continue;
    for (int64_t j = 0; j < i; ++j) {
      const ScoreMargin b = score_margin(counts, j, y);
      if (!(b.variance > 0)) continue;
      double product = 0;
      for (int c = 0; c < classes; ++c) {
        product += (c == y ? 1 : -1) * product_with_score(counts, i * classes + c, j, y);
      }
      const auto ij = static_cast<size_t>(i * counts.lfs + j), ji = static_cast<size_t>(j * counts.lfs + i);
      moments.value[ij] = moments.value[ji] = product - a.mean * b.mean;
      moments.variance[ij] = moments.variance[ji] = a.variance * b.variance / static_cast<double>(counts.rows);
    }
  }
  return moments;
}

void indicator_moments(const VoteCounts& counts, int64_t u, std::vector<double>& row, std::vector<double>& variance) {
  const int y = static_cast<int>(u % counts.domain.classes);
  const auto n = static_cast<double>(counts.rows);
  const double p = static_cast<double>(counts.votes(u)) / n;
  row.assign(static_cast<size_t>(counts.lfs), 0.0);
  variance.assign(static_cast<size_t>(counts.lfs), std::numeric_limits<double>::infinity());
  for (int64_t j = 0; j < counts.lfs; ++j) {
    const ScoreMargin b = score_margin(counts, j, y);
    if (j == u / counts.domain.classes || !(b.variance > 0) || p <= 0 || p >= 1) continue;
    row[static_cast<size_t>(j)] = product_with_score(counts, u, j, y) - p * b.mean;
    variance[static_cast<size_t>(j)] = p * (1 - p) * b.variance / n;
  }
}

std::vector<int> recover_signs(const VoteCounts& counts, const PairMoments& moments) {
  const int64_t lfs = moments.lfs;
  // Evidence of a pair: its moment in standard errors, bounded so that one pair cannot outvote all others.
  const auto evidence = [&](int64_t i, int64_t j) {
    if (i == j || std::isinf(moments.var(i, j))) return 0.0;
    return std::tanh(moments.m(i, j) / (2 * std::sqrt(moments.var(i, j))));
  };
  std::vector<double> strength(static_cast<size_t>(lfs * lfs));
  for (int64_t i = 0; i < lfs; ++i)
    for (int64_t j = 0; j < lfs; ++j) strength[static_cast<size_t>(i * lfs + j)] = evidence(i, j);

  // Start from "all better than random" and flip single LFs while that raises sum_ij s_i s_j evidence_ij. Each flip
  // raises a bounded sum by a positive amount, so it ends; ties leave the sign alone.
  std::vector<int> signs(static_cast<size_t>(lfs), 1);
  std::vector<double> pull(static_cast<size_t>(lfs));
  for (int64_t i = 0; i < lfs; ++i)
    for (int64_t j = 0; j < lfs; ++j) pull[static_cast<size_t>(i)] += strength[static_cast<size_t>(i * lfs + j)];
  for (;;) {
    int64_t worst = -1;
    double lowest = -1e-9;
    for (int64_t i = 0; i < lfs; ++i) {
      const double value = signs[static_cast<size_t>(i)] * pull[static_cast<size_t>(i)];
      if (value < lowest) {
        lowest = value;
        worst = i;
      }
    }
    if (worst < 0) break;
    const auto w = static_cast<size_t>(worst);
    for (int64_t j = 0; j < lfs; ++j) {
      pull[static_cast<size_t>(j)] -= 2 * signs[w] * strength[w * static_cast<size_t>(lfs) + static_cast<size_t>(j)];
    }
    signs[w] = -signs[w];
  }
  double balance = 0;
  for (int64_t i = 0; i < lfs; ++i) balance += signs[static_cast<size_t>(i)] * static_cast<double>(counts.lf_votes(i));
  if (balance < 0)
    for (int& sign : signs) sign = -sign;
  return signs;
}

}  // namespace nearvote

#include "core/label_model/pair_moments.h"

#include <cmath>
#include <limits>

namespace nearvote {

PairMoments pair_moments(const VoteCounts& counts) {
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

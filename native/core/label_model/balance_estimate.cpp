#include "core/label_model/balance_estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "core/label_model/balance_factor.h"
#include "core/label_model/balance_of_class.h"
#include "core/label_model/balance_posterior.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/correlations.h"

namespace nearvote {
namespace {

constexpr double kLeast = 1e-3;  // share of abstains below which an LF is taken to vote nearly always

// One thing that is known of indicator a: how often it is the only vote, or contradicted by none.
struct Statistic {
  size_t a = 0;
  int against = 0;        // 0 or 1: no other vote for this class; 2: no other vote at all
  double observed = 0;    // share of rows
  double precision = 0;   // inverse variance of that, given how often a votes
  double correction = 0;  // to the prediction of independent LFs
};

class Balance {
 public:
  explicit Balance(const VoteCounts& counts)
      : lfs_(static_cast<size_t>(counts.lfs)),
        rows_(static_cast<double>(counts.rows)),
        shares_(vote_shares(counts)),
        r_(vote_correlations(counts, shares_)) {
    BalanceFactor factor = balance_free_factor(r_, 1 / rows_);
    g_ = std::move(factor.g);
    misfit_ = factor.misfit;
    for (size_t a = 0; a < g_.size(); ++a) {
      const auto u = static_cast<size_t>(r_.indicator[a]);
      const auto votes = static_cast<double>(counts.votes(static_cast<int64_t>(u)));
      const int own = static_cast<int>(u % 2);
      add(a, 2, votes, votes - static_cast<double>(counts.overlaps[u]));
      add(a, 1 - own, votes, votes - static_cast<double>(counts.conflicts[u]));
    }
    correct();
  }

  // Squares of (observed - predicted) in standard errors, one a statistic.
  void residuals(double q, std::vector<double>& squares) {
    given_.assign(2 * g_.size(), 0.0);
    silent_.assign(6 * lfs_, 0.0);  // log P(no vote against `against` | y), by (against, y, LF)
    std::array<double, 6> all{};
    for (size_t a = 0; a < g_.size(); ++a) {
      const auto u = static_cast<size_t>(r_.indicator[a]);
      for (int y = 0; y < 2; ++y) {
        const double p = given_class(shares_.share[u], g_[a] * shares_.deviation[u], q, y);
        given_[2 * a + static_cast<size_t>(y)] = p;
        silent(static_cast<int>(u % 2), y, u / 2) += p;
        silent(2, y, u / 2) += p;
      }
    }
    for (int against = 0; against < 3; ++against)
      for (int y = 0; y < 2; ++y)
        for (size_t i = 0; i < lfs_; ++i) {
          double& value = silent(against, y, i);
          value = std::log(std::max(1 - value, kLeast));
          all[static_cast<size_t>(2 * against + y)] += value;
        }
    squares.clear();
    for (const Statistic& s : statistics_) {
      const size_t lf = static_cast<size_t>(r_.indicator[s.a]) / 2;
      double predicted = s.correction;
      for (int y = 0; y < 2; ++y) {
        const double others = all[static_cast<size_t>(2 * s.against + y)] - silent(s.against, y, lf);
        predicted += (y == 1 ? q : 1 - q) * given_[2 * s.a + static_cast<size_t>(y)] * std::exp(others);
      }
      const double left = s.observed - predicted;
      squares.push_back(left * left * s.precision);
    }
  }

  double misfit() const { return misfit_; }

 private:
  // `kept` of a's votes meet no other vote against them.
  void add(size_t a, int against, double votes, double kept) {
    if (kept == votes) return;  // tells nothing that pairs do not
    const double share = (kept + 0.5) / (votes + 1);
    statistics_.push_back({a, against, kept / rows_, rows_ * rows_ / (votes * share * (1 - share)), 0});
  }

  double& silent(int against, int y, size_t lf) { return silent_[static_cast<size_t>(2 * against + y) * lfs_ + lf]; }

  // Second-order expansion of E[u prod_j (1 - z_j)], z_j = "LF j votes against", in the covariances that g g' leaves
  // over.
  void correct() {
    for (int against = 0; against < 3; ++against) {
      const auto counted = [&](size_t a) { return against == 2 || r_.indicator[a] % 2 == against; };
      std::vector<double> abstains(lfs_, 1.0), pairs(lfs_, 0.0);
      for (size_t a = 0; a < g_.size(); ++a) {
        const auto u = static_cast<size_t>(r_.indicator[a]);
        if (counted(a)) abstains[u / 2] -= shares_.share[u];
      }
      double log_all = 0, all_pairs = 0;
      for (double& share : abstains) log_all += std::log(share = std::max(share, kLeast));
      std::vector<double> single(g_.size(), 0.0);
      for (size_t a = 0; a < g_.size(); ++a) {
        const auto u = static_cast<size_t>(r_.indicator[a]);
        for (size_t b = 0; b < g_.size(); ++b) {
          const auto v = static_cast<size_t>(r_.indicator[b]);
          if (u / 2 == v / 2 || !counted(b)) continue;
          const double left = (r_.row(static_cast<int64_t>(a))[b] - g_[a] * g_[b]) * shares_.deviation[u] *
                              shares_.deviation[v] / abstains[v / 2];
          single[a] += left;
          if (counted(a)) pairs[u / 2] += left / abstains[u / 2];
        }
      }
      for (const double sum : pairs) all_pairs += sum / 2;
      for (Statistic& s : statistics_) {
        if (s.against != against) continue;
        const auto u = static_cast<size_t>(r_.indicator[s.a]);
        const double others = std::exp(log_all - std::log(abstains[u / 2]));
        s.correction = others * (shares_.share[u] * (all_pairs - pairs[u / 2]) - single[s.a]);
      }
    }
  }

  size_t lfs_;
  double rows_;
  VoteShares shares_;
  Correlations r_;
  std::vector<double> g_;
  double misfit_ = 1;
  std::vector<Statistic> statistics_;
  std::vector<double> given_, silent_;
};

}  // namespace

BalanceEstimate estimate_balance(const VoteCounts& counts, const JobControl& job) {
  const int classes = counts.domain.classes;
  int64_t voting = 0;
  for (int64_t i = 0; i < counts.lfs; ++i) voting += counts.lf_votes(i) > 0 ? 1 : 0;
  const auto size = static_cast<size_t>(classes);
  if (voting < 3) return {uniform_balance(classes), std::vector<double>(size, 0.0), std::vector<double>(size, 1.0)};
  if (classes == 2) {
    Balance balance(counts);
    const Share share = share_posterior([&](double q, std::vector<double>& squares) { balance.residuals(q, squares); },
                                        balance.misfit(), classes, job);
    return {{1 - share.mean, share.mean}, {1 - share.high, share.low}, {1 - share.low, share.high}};
  }
  BalanceEstimate out;
  double sum = 0;
  for (const Share& share : class_shares(counts, job)) {
    out.balance.push_back(share.mean);
    out.low.push_back(share.low);
    out.high.push_back(share.high);
    sum += share.mean;
  }
  for (double& share : out.balance) share /= sum;
  return out;
}

}  // namespace nearvote

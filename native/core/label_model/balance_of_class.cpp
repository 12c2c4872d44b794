#include "core/label_model/balance_of_class.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/label_model/balance_factor.h"
#include "core/label_model/correlations.h"

namespace nearvote {
namespace {

constexpr double kLeast = 1e-3;

// The votes for y alone, as votes +1.
VoteCounts votes_for(const VoteCounts& counts, int y) {
  VoteCounts binary({2, true}, counts.lfs);
  binary.rows = counts.rows;
  for (int64_t i = 0; i < counts.lfs; ++i)
    for (int64_t j = 0; j < counts.lfs; ++j) {
      binary.joint[static_cast<size_t>((2 * i + 1) * binary.indicators() + 2 * j + 1)] =
          counts.both(i * counts.domain.classes + y, j * counts.domain.classes + y);
    }
  return binary;
}

// One LF's votes for y.
struct Voter {
  double share, h;             // P(u), g sd
  double rest, rest_h;         // the same of its votes for other classes
  double votes, clean, alone;  // rows: all, without a vote for another class, without any other vote
  double correction;           // to P(nobody else votes y, u), from pairs that do not fit
};

class ClassShare {
 public:
  ClassShare(const VoteCounts& counts, int y) : rows_(static_cast<double>(counts.rows)) {
    const int64_t classes = counts.domain.classes;
    const VoteCounts binary = votes_for(counts, y);
    const VoteShares shares = vote_shares(binary);
    const Correlations r = vote_correlations(binary, shares);
    const BalanceFactor factor = balance_free_factor(r, 1 / rows_);
    const std::vector<double>& g = factor.g;
    misfit_ = factor.misfit;
    for (size_t a = 0; a < g.size(); ++a) {
      const auto at = static_cast<size_t>(r.indicator[a]);
      const int64_t lf = r.indicator[a] / 2, u = lf * classes + y;
      const auto votes = static_cast<double>(counts.votes(u));
      voters_.push_back({shares.share[at], g[a] * shares.deviation[at],
                         (static_cast<double>(counts.lf_votes(lf)) - votes) / rows_, 0, votes,
                         votes - static_cast<double>(counts.conflicts[static_cast<size_t>(u)]),
                         votes - static_cast<double>(counts.overlaps[static_cast<size_t>(u)]), 0});
    }
    for (size_t a = 0; a < g.size(); ++a) {
      double above = 0, below = 1e-300;
      for (size_t b = 0; b < g.size(); ++b) {
        if (a == b) continue;
        const int64_t lf = r.indicator[a] / 2, v = r.indicator[b] / 2 * classes + y;
        int64_t both = -counts.both(lf * classes + y, v);
        for (int c = 0; c < classes; ++c) both += counts.both(lf * classes + c, v);
        above += (static_cast<double>(both) / rows_ - voters_[a].rest * voters_[b].share) * voters_[b].h;
        below += voters_[b].h * voters_[b].h;
      }
      voters_[a].rest_h = above / below;
    }
    correct(r, shares, g);
  }

  void residuals(double q, std::vector<double>& squares) {
    squares.clear();
    terms_.clear();
    double silent[2] = {0, 0};
    for (const Voter& v : voters_) {
      Term t{};
      for (int z = 0; z < 2; ++z) {
        const double given = given_class(v.share, v.h, q, z);
        const double rest = v.rest > 0 ? given_class(v.rest, v.rest_h, q, z) : 0;
        t.alone[z] = std::log(std::max(1 - given, kLeast));
        silent[z] += t.alone[z];
        t.clean[z] = (z == 1 ? q : 1 - q) * given / std::max(1 - rest, 0.05);
      }
      terms_.push_back(t);
    }
    double s[2];
    solve(s);
    for (size_t a = 0; a < voters_.size(); ++a) {
      const Voter& v = voters_[a];
      const Term& t = terms_[a];
      double clean = 0, alone = 0;
      for (int z = 0; z < 2; ++z) {
        clean += s[z] * t.clean[z];
        alone += s[z] * t.clean[z] * std::exp(silent[z] - t.alone[z]);
      }
      push(v.votes, v.clean, clean * rows_, squares);
      const double kept = alone / std::max(clean, 1e-300) + v.correction / v.share;
      push(v.clean, v.alone, v.clean * kept, squares);
    }
  }

  double misfit() const { return misfit_; }

 private:
  struct Term {
    double clean[2], alone[2];  // alone: log P(not u | z)
  };

  static double variance(double votes, double kept) {
    const double share = (kept + 0.5) / (votes + 1);
    return votes * share * (1 - share);
  }
  // `kept` of `votes` against a prediction; all of them tell nothing.
  static void push(double votes, double kept, double predicted, std::vector<double>& squares) {
    if (kept < votes) squares.push_back((kept - predicted) * (kept - predicted) / variance(votes, kept));
  }

  // S_0, S_1 in [0, 1] by weighted least squares.
  void solve(double* s) const {
    double a00 = 1e-9, a01 = 0, a11 = 1e-9, b0 = 1e-9, b1 = 1e-9;  // a ridge towards 1
    for (size_t a = 0; a < voters_.size(); ++a) {
      const Voter& v = voters_[a];
      const double weight = rows_ * rows_ / std::max(variance(v.votes, v.clean), 0.25);
      const double x0 = terms_[a].clean[0], x1 = terms_[a].clean[1], seen = v.clean / rows_;
      a00 += weight * x0 * x0;
      a01 += weight * x0 * x1;
      a11 += weight * x1 * x1;
      b0 += weight * x0 * seen;
      b1 += weight * x1 * seen;
    }
    const double determinant = a00 * a11 - a01 * a01;
    s[1] = determinant > 0 ? std::clamp((a00 * b1 - a01 * b0) / determinant, 0.0, 1.0) : 1;
    s[0] = std::clamp((b0 - a01 * s[1]) / a00, 0.0, 1.0);
    s[1] = std::clamp((b1 - a01 * s[0]) / a11, 0.0, 1.0);
  }

  // As in balance_estimate.cpp, of the votes for y.
  void correct(const Correlations& r, const VoteShares& shares, const std::vector<double>& g) {
    double log_all = 0, all = 0;
    const auto silent = [&](size_t a) { return std::max(1 - voters_[a].share, kLeast); };
    std::vector<double> pairs(g.size(), 0.0);
    for (size_t a = 0; a < g.size(); ++a) {
      log_all += std::log(silent(a));
      for (size_t b = 0; b < g.size(); ++b) {
        if (a == b) continue;
        const double left = (r.row(static_cast<int64_t>(a))[b] - g[a] * g[b]) *
                            shares.deviation[static_cast<size_t>(r.indicator[a])] *
                            shares.deviation[static_cast<size_t>(r.indicator[b])];
        voters_[a].correction -= left / silent(b);
        pairs[a] += left / (silent(a) * silent(b));
      }
      all += pairs[a] / 2;
    }
    for (size_t a = 0; a < g.size(); ++a) {
      voters_[a].correction += voters_[a].share * (all - pairs[a]);
      voters_[a].correction *= std::exp(log_all - std::log(silent(a)));
    }
  }

  double rows_, misfit_ = 1;
  std::vector<Voter> voters_;
  std::vector<Term> terms_;
};

}  // namespace

std::vector<Share> class_shares(const VoteCounts& counts, const JobControl& job) {
  const int classes = counts.domain.classes;
  std::vector<ClassShare> models;
  double misfit = 1;
  for (int y = 0; y < classes; ++y) {
    models.emplace_back(counts, y);
    misfit = std::max(misfit, models.back().misfit());
  }
  std::vector<Share> shares;
  for (ClassShare& model : models) {
    shares.push_back(share_posterior([&](double q, std::vector<double>& squares) { model.residuals(q, squares); },
                                     misfit, classes, job));
  }
  return shares;
}

}  // namespace nearvote

#include "core/label_model/graph_fit.h"

#include <algorithm>
#include <cmath>

#include "core/votes/vote_counts.h"

namespace nearvote {
namespace {

constexpr double kSmoothing = 1;  // rows spread over a table as its own vote rates, told by no class
constexpr double kMaxCorrelation = 0.999;

// P(Y_parent, Y_child) with the given margins and correlation, kept possible.
std::array<std::array<double, 2>, 2> pair_table(double parent, double child, double correlation) {
  const double both = parent * child + correlation * sd_of_label(parent) * sd_of_label(child) / 4;
  const double margin = 1e-6 * std::min({parent, child, 1 - parent, 1 - child});
  const double pp = std::clamp(both, std::max(0.0, parent + child - 1) + margin, std::min(parent, child) - margin);
  return {{{1 - parent - child + pp, child - pp}, {parent - pp, pp}}};
}

class Fitter {
 public:
  Fitter(VoteMatrix votes, const GraphSpec& spec, const std::vector<double>& positive, const JobControl& job)
      : votes_(votes),
        structure_(analyse_graph(spec)),
        counts_(count_votes(votes, VoteDomain{}, 0, job)),
        moments_(counts_),
        job_(job),
        of_task_(static_cast<size_t>(spec.tasks)) {
    for (int64_t x = 0; x < spec.lfs; ++x)
      of_task_[static_cast<size_t>(spec.lf_tasks[static_cast<size_t>(x)])].push_back(x);
    fit_.lfs = fit_strengths(votes, counts_, spec, structure_, positive, job);
    fit_.model.lfs = spec.lfs;
    fit_.model.tasks = spec.tasks;
    for (const LfGroup& group : structure_.groups) {
      job_.check();
      fit_.model.groups.push_back(table(group, positive[static_cast<size_t>(group.task)]));
    }
  }

  GraphFit take() { return std::move(fit_); }
  const GraphStructure& structure() const { return structure_; }

  // Correlation of two tasks: Cov(a, b) = h_a h_b corr for LFs a of one, b of the other.
  template <class Covariance>
  double correlation(int64_t task, int64_t other, Covariance&& covariance) const {
    double above = 0, below = 0;
    for (const int64_t a : of_task_[static_cast<size_t>(task)]) {
      for (const int64_t b : of_task_[static_cast<size_t>(other)]) {
        const double product = h(a) * h(b);
        above += product * covariance(a, b);
        below += product * product;
      }
    }
    return below > 0 ? std::clamp(above / below, -kMaxCorrelation, kMaxCorrelation) : 0.0;
  }
  double covariance(int64_t a, int64_t b) const { return moments_.covariance(a, b); }
  double mean(int64_t x) const { return moments_.mean[static_cast<size_t>(x)]; }
  GraphFit& fit() { return fit_; }

 private:
  int64_t component(int64_t lf) const { return structure_.component[static_cast<size_t>(lf)]; }
  double h(int64_t lf) const { return fit_.lfs[static_cast<size_t>(lf)].strength; }

  GroupTable table(const LfGroup& group, double positive) const {
    size_t outcomes = 1;
    for (size_t i = 0; i < group.lfs.size(); ++i) outcomes *= 3;
    // Rows per outcome, and the sum over x of h_x vote_x on them, x outside the group's component.
    std::vector<double> rows(outcomes, 0.0), weighted(outcomes, 0.0);
    double norm = 0, mean = 0;
    std::vector<int64_t> witnesses;
    for (const int64_t x : of_task_[static_cast<size_t>(group.task)]) {
      if (component(x) == component(group.lfs[0])) continue;
      witnesses.push_back(x);
      norm += h(x) * h(x);
      mean += h(x) * moments_.mean[static_cast<size_t>(x)];
    }
    for (int64_t i = 0; i < votes_.rows; ++i) {
      const int8_t* vote = votes_.row(i);
      size_t outcome = 0, digit = 1;
      for (const int64_t lf : group.lfs) {
        outcome += digit * static_cast<size_t>(vote[lf] == 0 ? 0 : vote[lf] < 0 ? 1 : 2);
        digit *= 3;
      }
      rows[outcome] += 1;
      double sum = 0;
      for (const int64_t x : witnesses) sum += h(x) * vote[x];
      weighted[outcome] += sum;
    }

    GroupTable result{group.task, static_cast<double>(group.exponent), group.lfs, std::vector<double>(2 * outcomes)};
    const double n = moments_.rows, expected_y = 2 * positive - 1, sd = sd_of_label(positive);
    for (int y = 0; y < 2; ++y) {
      const double deviation = ((y == 1 ? 1.0 : -1.0) - expected_y) / sd;
      std::vector<double> p(outcomes);
      double sum = 0;
      for (size_t o = 0; o < outcomes; ++o) {
        const double rate = rows[o] / n;
        const double slope = norm > 0 ? (weighted[o] / n - rate * mean) / norm : 0;
        sum += p[o] = std::max(0.0, rate + deviation * slope);
      }
      const double class_rows = n * (y == 1 ? positive : 1 - positive);
      for (size_t o = 0; o < outcomes; ++o) {
        const double smoothed = (class_rows * p[o] / sum + kSmoothing * rows[o] / n) / (class_rows + kSmoothing);
        // An outcome never seen tells nothing.
        result.log_likelihood[2 * o + static_cast<size_t>(y)] = rows[o] > 0 ? std::log(smoothed) : 0.0;
      }
    }
    return result;
  }

  VoteMatrix votes_;
  GraphStructure structure_;
  VoteCounts counts_;
  VoteMoments moments_;
  const JobControl& job_;
  std::vector<std::vector<int64_t>> of_task_;
  GraphFit fit_;
};

}  // namespace

GraphFit fit_graph(VoteMatrix votes, const GraphSpec& spec, const TaskBalance& balance, const JobControl& job) {
  Fitter fitter(votes, spec, balance.positive, job);
  const auto& order = fitter.structure().order;
  for (size_t at = 0; at < order.size(); ++at) {
    const auto [task, parent] = order[at];
    const double q = balance.positive[static_cast<size_t>(task)];
    TaskTable table{task, parent, {}};
    double correlation = 0;
    if (parent < 0) {
      table.probability[0] = {1 - q, q};
    } else if (!balance.edges.empty()) {
      const auto& p = balance.edges[at];
      table.probability = {{{p[0], p[1]}, {p[2], p[3]}}};
    } else {
      const double above = balance.positive[static_cast<size_t>(parent)];
      correlation = fitter.correlation(parent, task, [&](int64_t a, int64_t b) { return fitter.covariance(a, b); });
      table.probability = pair_table(above, q, correlation);
    }
    fitter.fit().model.order.push_back(table);
    fitter.fit().correlations.push_back(correlation);
  }
  return fitter.take();
}

GraphFit fit_sequences(VoteMatrix votes, const GraphSpec& spec, double positive, const std::vector<int64_t>& lengths,
                       const JobControl& job) {
  Fitter fitter(votes, spec, {positive}, job);
  // Products of votes one position apart, over all sequences.
  const auto m = static_cast<size_t>(spec.lfs);
  std::vector<int64_t> products(m * m, 0);
  int64_t pairs = 0, row = 0;
  for (const int64_t length : lengths) {
    for (int64_t t = 0; t + 1 < length; ++t, ++pairs) {
      const int8_t *now = votes.row(row + t), *next = votes.row(row + t + 1);
      for (size_t a = 0; a < m; ++a)
        if (now[a] != 0)
          for (size_t b = 0; b < m; ++b) products[a * m + b] += now[a] * next[b];
    }
    row += length;
  }
  const double correlation = pairs == 0 ? 0.0 : fitter.correlation(0, 0, [&](int64_t a, int64_t b) {
    return static_cast<double>(products[static_cast<size_t>(a) * m + static_cast<size_t>(b)]) /
               static_cast<double>(pairs) -
           fitter.mean(a) * fitter.mean(b);
  });
  GraphFit& fit = fitter.fit();
  fit.model.order.push_back({0, -1, {{{1 - positive, positive}, {0, 0}}}});
  fit.model.transition = pair_table(positive, positive, correlation);
  fit.correlations.push_back(correlation);
  return fitter.take();
}

}  // namespace nearvote

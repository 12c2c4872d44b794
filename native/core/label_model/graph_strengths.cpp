#include "core/label_model/graph_strengths.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/label_model/class_conditional.h"

namespace nearvote {
namespace {

constexpr double kPriorRows = 30;  // what the prior weighs
constexpr int64_t kBlocks = 20;
constexpr double kStudent = 2.093;  // 97.5 % of Student's t with kBlocks - 1 degrees of freedom

class Strengths {
 public:
  Strengths(const GraphSpec& spec, const GraphStructure& structure, const std::vector<double>& positive)
      : spec_(spec), structure_(structure), positive_(positive), of_task_(static_cast<size_t>(spec.tasks)) {
    for (int64_t x = 0; x < spec.lfs; ++x) {
      auto& lfs = of_task_[static_cast<size_t>(task(x))];
      lfs.push_back(x);
    }
    for (int64_t t = 0; t < spec.tasks; ++t) {
      const auto& lfs = of_task_[static_cast<size_t>(t)];
      if (!lfs.empty() && std::none_of(lfs.begin(), lfs.end(), [&](int64_t x) { return independent(x, lfs[0]); }))
        throw expected("labelling functions in at least two groups that do not depend on each other", "lfEdges",
                       "one group for task " + std::to_string(t));
    }
  }

  // Starts from h unless it is empty. Leaves in `told` how far the votes outweigh the prior, 0 to 1 per LF.
  void solve(const VoteMoments& moments, std::vector<double>& h, std::vector<double>& told) const {
    told.assign(static_cast<size_t>(spec_.lfs), 0.0);
    const std::vector<double> prior = priors(moments);
    if (h.empty()) h = prior;
    for (const auto& lfs : of_task_) {
      double noise = 0;
      for (const int64_t x : lfs) noise += moments.covariance(x, x) / static_cast<double>(lfs.size());
      const double ridge = kPriorRows / moments.rows * noise;
      for (int sweep = 0; sweep < 200; ++sweep) {
        double moved = 0;
        for (const int64_t x : lfs) {
          const auto at = static_cast<size_t>(x);
          double above = ridge * prior[at], below = ridge;
          for (const int64_t b : lfs) {
            if (!independent(x, b)) continue;
            const double hb = h[static_cast<size_t>(b)];
            above += moments.covariance(x, b) * hb;
            below += hb * hb;
          }
          if (below <= 0) continue;
          told[at] = 1 - ridge / below;
          // |Cov(x, Y)| <= sd(x) sd(Y).
          const double most = std::sqrt(std::max(0.0, moments.covariance(x, x)));
          const double next = std::clamp(above / below, -most, most);
          moved = std::max(moved, std::fabs(next - h[at]));
          h[at] = next;
        }
        if (moved < 1e-12) break;
      }
      // The votes tell everything up to one sign per task: LFs are better than random on average.
      double total = 0;
      for (const int64_t x : lfs) total += h[static_cast<size_t>(x)];
      if (total < 0)
        for (const int64_t x : lfs) h[static_cast<size_t>(x)] = -h[static_cast<size_t>(x)];
    }
  }

  double accuracy(const VoteMoments& moments, const std::vector<double>& h, int64_t x) const {
    const auto at = static_cast<size_t>(x);
    if (moments.coverage[at] == 0) return kPriorAccuracy;
    const double product = h[at] * sd(x) + moments.mean[at] * (2 * positive(x) - 1);  // E[vote Y]
    return std::clamp((1 + product / moments.coverage[at]) / 2, 0.0, 1.0);
  }

  // Standard deviation of the accuracy under the prior, of which nothing is known but an accuracy of 3/4 or so.
  double prior_deviation(const VoteMoments& moments, int64_t x) const {
    const auto at = static_cast<size_t>(x);
    return moments.coverage[at] == 0 ? 0 : (2 * kPriorAccuracy - 1) * sd(x) * sd(x) / 4;
  }

 private:
  std::vector<double> priors(const VoteMoments& moments) const {
    std::vector<double> prior;
    for (int64_t x = 0; x < spec_.lfs; ++x)
      prior.push_back(moments.coverage[static_cast<size_t>(x)] * (2 * kPriorAccuracy - 1) * sd(x));
    return prior;
  }
  int64_t task(int64_t x) const { return spec_.lf_tasks[static_cast<size_t>(x)]; }
  double positive(int64_t x) const { return positive_[static_cast<size_t>(task(x))]; }
  double sd(int64_t x) const { return sd_of_label(positive(x)); }
  bool independent(int64_t a, int64_t b) const {
    return structure_.component[static_cast<size_t>(a)] != structure_.component[static_cast<size_t>(b)];
  }

  const GraphSpec& spec_;
  const GraphStructure& structure_;
  const std::vector<double>& positive_;
  std::vector<std::vector<int64_t>> of_task_;
};

}  // namespace

double sd_of_label(double positive) { return 2 * std::sqrt(positive * (1 - positive)); }

VoteMoments::VoteMoments(const VoteCounts& counts) : lfs(counts.lfs), rows(static_cast<double>(counts.rows)) {
  for (int64_t x = 0; x < lfs; ++x) {
    mean.push_back(static_cast<double>(counts.votes(2 * x + 1) - counts.votes(2 * x)) / rows);
    coverage.push_back(static_cast<double>(counts.lf_votes(x)) / rows);
  }
  for (int64_t a = 0; a < lfs; ++a)
    for (int64_t b = 0; b < lfs; ++b) {
      const int64_t agree = counts.both(2 * a, 2 * b) + counts.both(2 * a + 1, 2 * b + 1);
      const int64_t disagree = counts.both(2 * a, 2 * b + 1) + counts.both(2 * a + 1, 2 * b);
      covariances.push_back(static_cast<double>(agree - disagree) / rows -
                            mean[static_cast<size_t>(a)] * mean[static_cast<size_t>(b)]);
    }
}

std::vector<LfStrength> fit_strengths(VoteMatrix votes, const VoteCounts& counts, const GraphSpec& spec,
                                      const GraphStructure& structure, const std::vector<double>& positive,
                                      const JobControl& job) {
  const Strengths strengths(spec, structure, positive);
  const VoteMoments moments(counts);
  std::vector<double> h, told, unused;
  strengths.solve(moments, h, told);

  const auto m = static_cast<size_t>(spec.lfs);
  const int64_t blocks = std::min(kBlocks, votes.rows);
  std::vector<double> sum(m, 0.0), squares(m, 0.0);
  for (int64_t block = 0; block < blocks && blocks > 1; ++block) {
    job.check();
    const int64_t first = votes.rows * block / blocks, end = votes.rows * (block + 1) / blocks;
    VoteCounts others = counts;
    others.subtract(count_votes({votes.row(first), end - first, votes.cols}, counts.domain, 0, job));
    const VoteMoments without(others);
    std::vector<double> h_without = h;
    strengths.solve(without, h_without, unused);
    for (size_t x = 0; x < m; ++x) {
      const double accuracy = strengths.accuracy(without, h_without, static_cast<int64_t>(x));
      sum[x] += accuracy;
      squares[x] += accuracy * accuracy;
    }
  }

  std::vector<LfStrength> out(m);
  const auto count = static_cast<double>(blocks);
  for (size_t x = 0; x < m; ++x) {
    const auto lf = static_cast<int64_t>(x);
    LfStrength& result = out[x];
    result.strength = h[x];
    result.accuracy = strengths.accuracy(moments, h, lf);
    result.coverage = moments.coverage[x];
    if (blocks < 2 || result.coverage == 0) continue;
    const double spread = std::max(squares[x] - sum[x] * sum[x] / count, 0.0) * (count - 1) / count;
    const double prior = (1 - told[x]) * strengths.prior_deviation(moments, lf);
    const double error = kStudent * std::sqrt(spread + prior * prior);
    result.low = std::max(result.accuracy - error, 0.0);
    result.high = std::min(result.accuracy + error, 1.0);
  }
  return out;
}

}  // namespace nearvote

#include "core/label_model/graph_flyingsquid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/base/error.h"

namespace nearvote {
namespace {

using Lfs = std::vector<int64_t>;

double triplet(double xy, double xz, double yz) { return yz == 0 ? 0.0 : std::sqrt(std::fabs(xy * xz / yz)); }

class Reference {
 public:
  Reference(VoteMatrix votes, const GraphSpec& spec, const FlyingSquidOptions& options)
      : votes_(votes), spec_(spec), structure_(analyse_graph(spec)), options_(options) {
    for (int64_t i = 0; i < votes.size() && !abstains_; ++i) abstains_ = votes.data[i] == 0;
    for (const auto& [a, b, c] : options.triplets) {
      const double ab = moment({a, b}), ac = moment({a, c}), bc = moment({b, c});
      // The task that at least two of them speak of separates them; an LF of another task only helps.
      const int64_t task = task_of(b) == task_of(c) ? task_of(b) : task_of(a);
      if (task_of(b) != task_of(c) && task_of(a) != task_of(b) && task_of(a) != task_of(c))
        throw expected("two labelling functions of one task", "triplets", "three tasks");
      for (const auto& [lf, value] :
           {std::pair{a, triplet(ab, ac, bc)}, std::pair{b, triplet(ab, bc, ac)}, std::pair{c, triplet(ac, bc, ab)}})
        if (task_of(lf) == task) given_[lf] = value;
    }
  }

  const GraphStructure& structure() const { return structure_; }

  GroupTable table(const LfGroup& group, double q) {
    if (abstains_ && group.lfs.size() > 1)
      throw expected("votes without abstains", "lfEdges under compat 'flyingsquid'",
                     "abstains (the reference's tables of dependent LFs that abstain are wrong)");
    // p[outcome][y], outcomes in base 3 as in GroupTable.
    size_t outcomes = 1;
    for (size_t i = 0; i < group.lfs.size(); ++i) outcomes *= 3;
    std::vector<double> p(2 * outcomes, 0.0);
    if (group.lfs.size() == 1)
      single(group, q, p);
    else
      joint(group, q, p);

    double sum = 0;
    for (double& entry : p) {
      if (entry < 0) entry = options_.flip_negative ? -entry : options_.clamp ? 1e-8 : entry;
      sum += entry;
    }
    GroupTable result{group.task, static_cast<double>(group.exponent), group.lfs, std::vector<double>(2 * outcomes)};
    for (size_t o = 0; o < outcomes; ++o)
      for (size_t y = 0; y < 2; ++y) {
        const double prior = y == 1 ? q : 1 - q;
        const double likelihood = prior > 0 ? p[2 * o + y] / sum / prior : 0;
        result.log_likelihood[2 * o + y] = std::log(std::max(likelihood, std::numeric_limits<double>::min()));
      }
    return result;
  }

  // |E[prod_lfs vote * Y_task]|
  double expectation(const Lfs& lfs, int64_t task) {
    if (lfs.size() == 1 && given_.count(lfs[0]) > 0) return given_[lfs[0]];
    std::vector<double> with(static_cast<size_t>(spec_.lfs));
    Lfs partners;
    for (int64_t x = 0; x < spec_.lfs; ++x) {
      if (branch(x, task) == branch(lfs[0], task)) continue;
      Lfs product = lfs;
      product.push_back(x);
      with[static_cast<size_t>(x)] = moment(product);
      partners.push_back(x);
    }
    std::vector<double> candidates;
    for (size_t i = 0; i < partners.size(); ++i)
      for (size_t j = i + 1; j < partners.size(); ++j)
        if (branch(partners[i], task) != branch(partners[j], task))
          candidates.push_back(triplet(with[static_cast<size_t>(partners[i])], with[static_cast<size_t>(partners[j])],
                                       moment({partners[i], partners[j]})));
    if (candidates.empty())
      throw expected("two more labelling functions that the task separates", "compat 'flyingsquid'",
                     "none for labelling function " + std::to_string(lfs[0]));
    if (!options_.median) {
      double sum = 0;
      for (const double value : candidates) sum += value;
      return sum / static_cast<double>(candidates.size());
    }
    std::sort(candidates.begin(), candidates.end());
    const size_t half = candidates.size() / 2;
    return candidates.size() % 2 == 1 ? candidates[half] : (candidates[half - 1] + candidates[half]) / 2;
  }

 private:
  int64_t task_of(int64_t lf) const { return spec_.lf_tasks[static_cast<size_t>(lf)]; }

  // Where an LF hangs, seen from a task: its component, or for LFs of other tasks the subtree they are in (numbered
  // after the components).
  int64_t branch(int64_t lf, int64_t task) {
    int64_t at = spec_.lf_tasks[static_cast<size_t>(lf)];
    if (at == task) return structure_.component[static_cast<size_t>(lf)];
    // Climb to the root; below `task` the last step before it names the branch, else everything above is one branch.
    for (int64_t up = parent(at); up >= 0; at = up, up = parent(at))
      if (up == task) return spec_.lfs + at;
    return spec_.lfs + (root(spec_.lf_tasks[static_cast<size_t>(lf)]) == root(task) ? parent(task) : spec_.tasks + at);
  }
  int64_t parent(int64_t task) const {
    for (const TaskNode& node : structure_.order)
      if (node.task == task) return node.parent;
    return -1;
  }
  int64_t root(int64_t task) const {
    for (int64_t up = parent(task); up >= 0; up = parent(task)) task = up;
    return task;
  }

  // E[product of votes], abstains as 0.
  double moment(const Lfs& lfs) {
    Lfs key = lfs;
    std::sort(key.begin(), key.end());
    const auto [found, fresh] = moments_.try_emplace(key, 0.0);
    if (fresh) {
      int64_t sum = 0;
      for (int64_t i = 0; i < votes_.rows; ++i) {
        int product = 1;
        for (const int64_t lf : key) product *= votes_(i, lf);
        sum += product;
      }
      found->second = static_cast<double>(sum) / static_cast<double>(votes_.rows);
    }
    return found->second;
  }

  void single(const LfGroup& group, double q, std::vector<double>& p) {
    const int64_t lf = group.lfs[0];
    double positive = 0, abstains = 0;
    for (int64_t i = 0; i < votes_.rows; ++i) {
      positive += votes_(i, lf) > 0 ? 1 : 0;
      abstains += votes_(i, lf) == 0 ? 1 : 0;
    }
    positive /= static_cast<double>(votes_.rows);
    abstains /= static_cast<double>(votes_.rows);
    const double rho = (1 + expectation(group.lfs, group.task) - abstains) / 2;
    const double both = (rho + positive - (1 - abstains) * (1 - q)) / 2;
    p = {abstains * (1 - q), abstains * q, rho - both, q * (1 - abstains) - both, positive - both, both};
  }

  // No abstains: P(votes, Y) from the moments of all subsets, the inverse of a Hadamard matrix.
  void joint(const LfGroup& group, double q, std::vector<double>& p) {
    const size_t k = group.lfs.size(), subsets = size_t{1} << k;
    std::vector<double> plain(subsets, 1.0), with_y(subsets, 2 * q - 1);
    for (size_t subset = 1; subset < subsets; ++subset) {
      Lfs lfs;
      for (size_t i = 0; i < k; ++i)
        if (subset >> i & 1) lfs.push_back(group.lfs[i]);
      plain[subset] = moment(lfs);
      with_y[subset] = expectation(lfs, group.task);
    }
    for (size_t signs = 0; signs < subsets; ++signs) {  // bit i: LF i votes +1
      size_t outcome = 0, digit = 1;
      for (size_t i = 0; i < k; ++i, digit *= 3) outcome += digit * (signs >> i & 1 ? 2 : 1);
      for (size_t y = 0; y < 2; ++y) {
        double sum = 0;
        for (size_t subset = 0; subset < subsets; ++subset) {
          double sign = 1;
          for (size_t i = 0; i < k; ++i)
            if ((subset >> i & 1) != 0 && (signs >> i & 1) == 0) sign = -sign;
          sum += sign * (plain[subset] + (y == 1 ? 1 : -1) * with_y[subset]);
        }
        p[2 * outcome + y] = sum / static_cast<double>(2 * subsets);
      }
    }
  }

  VoteMatrix votes_;
  const GraphSpec& spec_;
  GraphStructure structure_;
  const FlyingSquidOptions& options_;
  bool abstains_ = false;
  std::map<Lfs, double> moments_;
  std::map<int64_t, double> given_;
};

}  // namespace

GraphFit fit_graph_flyingsquid(VoteMatrix votes, const GraphSpec& spec, const TaskBalance& balance,
                               const FlyingSquidOptions& options, const JobControl& job) {
  Reference reference(votes, spec, options);
  GraphFit fit;
  fit.model.lfs = spec.lfs;
  fit.model.tasks = spec.tasks;
  for (const LfGroup& group : reference.structure().groups) {
    job.check();
    fit.model.groups.push_back(reference.table(group, balance.positive[static_cast<size_t>(group.task)]));
  }
  for (int64_t lf = 0; lf < spec.lfs; ++lf) {
    double coverage = 0;
    for (int64_t i = 0; i < votes.rows; ++i) coverage += votes(i, lf) != 0 ? 1.0 : 0.0;
    coverage /= static_cast<double>(votes.rows);
    // The reference's |E[vote Y]|, not clamped.
    const double product = reference.expectation({lf}, spec.lf_tasks[static_cast<size_t>(lf)]);
    LfStrength strength;
    strength.strength = product;
    strength.coverage = coverage;
    if (coverage > 0) strength.accuracy = (1 + product / coverage) / 2;
    fit.lfs.push_back(strength);
  }
  const auto& order = reference.structure().order;
  for (size_t at = 0; at < order.size(); ++at) {
    const auto [task, parent] = order[at];
    const double q = balance.positive[static_cast<size_t>(task)];
    TaskTable table{task, parent, {}};
    if (parent < 0) {
      table.probability[0] = {1 - q, q};
    } else if (!balance.edges.empty()) {
      const auto& p = balance.edges[at];
      table.probability = {{{p[0], p[1]}, {p[2], p[3]}}};
    } else {
      // The reference's default: all combinations alike.
      const double above = balance.positive[static_cast<size_t>(parent)];
      table.probability = {{{(1 - above) * (1 - q), (1 - above) * q}, {above * (1 - q), above * q}}};
    }
    fit.model.order.push_back(table);
    fit.correlations.push_back(0);
  }
  return fit;
}

}  // namespace nearvote

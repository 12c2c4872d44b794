// A hundred thousand random vote matrices: n 0..50, m 1..8, two to five classes, any density, any class balance, LFs
// that copy, contradict, always or never vote. Every method gives finite, normalised posteriors, or a typed error where
// the reference's assumptions are asked for and do not hold.
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/label_model/class_balance.h"
#include "core/label_model/fit.h"
#include "core/label_model/flyingsquid.h"
#include "core/label_model/posterior.h"
#include "core/tests/check.h"
#include "core/tests/simulated_votes.h"
#include "core/votes/vote_counts.h"

using namespace nearvote;
using namespace nearvote::testing;

namespace {

struct Draw {
  VoteDomain domain;
  int64_t rows, lfs;
  std::vector<int8_t> votes;
  std::vector<double> balance;
};

Draw draw(Random& random) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random.uniform() * static_cast<double>(n)); };
  Draw out;
  out.domain = random.uniform() < 0.6 ? VoteDomain{2, true} : VoteDomain{2 + static_cast<int>(below(4)), false};
  out.rows = below(51);
  out.lfs = 1 + below(8);
  const double density = random.uniform();
  for (int64_t i = 0; i < out.lfs; ++i) {
    const double kind = random.uniform();
    const int fixed = static_cast<int>(below(out.domain.classes));
    const int64_t source = i > 0 ? below(i) : -1;
    for (int64_t r = 0; r < out.rows; ++r) {
      if (i == 0) out.votes.resize(static_cast<size_t>(out.rows * out.lfs));
      int c = random.uniform() < density ? static_cast<int>(below(out.domain.classes)) : -1;
      if (kind < 0.1) c = fixed;                             // always the same vote
      if (kind >= 0.1 && kind < 0.15) c = -1;                // never votes
      if (kind >= 0.15 && kind < 0.35 && c >= 0) c = fixed;  // names one class
      if (kind >= 0.35 && kind < 0.55 && source >= 0) {      // copies, or contradicts, another
        c = out.domain.class_of(out.votes[static_cast<size_t>(r * out.lfs + source)]);
        if (kind > 0.45 && c >= 0) c = (c + 1) % out.domain.classes;
      }
      out.votes[static_cast<size_t>(r * out.lfs + i)] = out.domain.vote_of(c);
    }
  }
  const double how = random.uniform();
  for (int y = 0; y < out.domain.classes; ++y) out.balance.push_back(how < 0.3 ? 1 : random.uniform() + 1e-9);
  if (how > 0.8) out.balance[0] *= 1e-6;
  if (how > 0.9) out.balance[static_cast<size_t>(out.domain.classes) - 1] = 0;
  if (how > 0.995) out.balance.clear();  // estimated
  return out;
}

bool sane(const LabelModel& model, const Draw& d) {
  const int64_t columns = proba_columns(model);
  std::vector<double> proba(static_cast<size_t>(d.rows * columns));
  std::vector<int8_t> labels(static_cast<size_t>(d.rows));
  const VoteMatrix votes{d.votes.data(), d.rows, d.lfs};
  predict_proba(model, votes, proba.data(), 1);
  predict(model, votes, Undecided::prior, Undecided::prior, labels.data(), 1);
  for (int64_t r = 0; r < d.rows; ++r) {
    double sum = 0;
    for (int64_t y = 0; y < columns; ++y) {
      const double p = proba[static_cast<size_t>(r * columns + y)];
      if (!(p >= 0 && p <= 1)) return false;
      sum += p;
    }
    if (columns > 1 && std::fabs(sum - 1) > 1e-9) return false;
    if (!d.domain.valid(labels[static_cast<size_t>(r)])) return false;
  }
  double total = 0;
  for (const double p : model.class_balance) total += p;
  if (std::fabs(total - 1) > 1e-9) return false;
  for (const LfAccuracy& lf : model.accuracies) {
    if (!(lf.low >= 0 && lf.low <= lf.estimate && lf.estimate <= lf.high && lf.high <= 1)) return false;
  }
  return true;
}

}  // namespace

TEST(any_votes_give_a_distribution) {
  Random random{2024};
  int64_t wrong = 0;
  for (int trial = 0; trial < 100000; ++trial) {
    const Draw d = draw(random);
    const VoteCounts counts = count_votes({d.votes.data(), d.rows, d.lfs}, d.domain, 1);
    FitOptions options;
    options.class_balance = d.balance;
    options.threads = 1;
    options.all_positive = random.uniform() < 0.2;
    options.method = static_cast<Method>(trial % 6);
    wrong += sane(fit_label_model(counts, options).model, d) ? 0 : 1;
    if (!d.domain.signed_votes || d.balance.empty()) continue;
    try {
      const LabelModel reference = fit_flyingsquid(counts, checked_balance(d.balance, 2), {});
      std::vector<double> proba(static_cast<size_t>(d.rows));
      predict_proba(reference, {d.votes.data(), d.rows, d.lfs}, proba.data(), 1);
      for (const double p : proba) wrong += p >= 0 && p <= 1 ? 0 : 1;
    } catch (const InvalidArgument&) {
      wrong += d.lfs < 3 || d.rows == 0 ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

CHECK_MAIN

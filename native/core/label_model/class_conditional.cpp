#include "core/label_model/class_conditional.h"

#include <algorithm>
#include <cmath>

#include "core/label_model/class_balance.h"

namespace nearvote {

void set_likelihoods(LabelModel& model, const VoteCounts& counts, const std::vector<double>& likelihood,
                     const std::vector<double>& learnt) {
  const int classes = counts.domain.classes;
  const std::vector<double>& balance = model.class_balance;
  model.start = log_balance(balance);
  for (int64_t i = 0; i < counts.lfs; ++i) {
    LfAccuracy& accuracy = model.accuracies[static_cast<size_t>(i)];
    double right = 0, votes = 0, chance = 0, most_learnt = 0;
    for (int c = 0; c < classes; ++c) {
      const int64_t u = i * classes + c;
      if (counts.votes(u) == 0) continue;
      const double* given = likelihood.data() + u * classes;
      double share = 0;
      for (int y = 0; y < classes; ++y) {
        share += balance[static_cast<size_t>(y)] * given[y];
        model.weight(i, c + 1, y) = std::log(given[y]);
      }
      right += balance[static_cast<size_t>(c)] * given[c];
      chance += balance[static_cast<size_t>(c)] * share;
      votes += share;
      most_learnt = std::max(most_learnt, learnt[static_cast<size_t>(u)]);
    }
    accuracy.from_prior = most_learnt == 0;
    accuracy.estimate = votes > 0 ? right / votes : kPriorAccuracy;
    accuracy.sign = right < chance ? -1 : 1;
  }
}

}  // namespace nearvote

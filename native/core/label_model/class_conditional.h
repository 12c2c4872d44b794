// From P(vote | Y) to the weights and accuracies of a naive Bayes label model. Abstaining is no evidence.
#pragma once

#include <vector>

#include "core/label_model/model.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

// The accuracy of an LF of which nothing is known.
constexpr double kPriorAccuracy = 0.75;

// likelihood: U x K, P(u | Y = y), positive where u ever votes. learnt: U, 0 where only the prior speaks. Fills
// weights, start and, per LF, estimate, sign and from_prior.
void set_likelihoods(LabelModel& model, const VoteCounts& counts, const std::vector<double>& likelihood,
                     const std::vector<double>& learnt);

}  // namespace nearvote

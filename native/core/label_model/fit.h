// From counts to a label model of one task.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/label_model/model.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

enum class Method { majority, triplet_mean, triplet_median, triplet_weighted, covariance, automatic };

struct FitOptions {
  Method method = Method::automatic;
  std::vector<double> class_balance;  // empty: estimated from the votes (balance_estimate.h)
  bool all_positive = false;          // take every LF as better than random instead of recovering signs
  int threads = 0;
};

// Why `automatic` chose as it did.
enum class Choice {
  asked,       // it did not choose
  covariance,  // three LFs or more whose votes are about as independent as the model takes them to be
  few_lfs,     // majority: of one or two LFs agreement cannot tell who is right
  dependent,   // majority: the evidence varies more than kMostDependence times as much as independence implies
};

// Above this, counting votes as independent evidence misleads more than counting them as equal does.
constexpr double kMostDependence = 4;

struct FittedModel {
  LabelModel model;
  Method method = Method::majority;  // the one used
  Choice choice = Choice::asked;
  double dependence = 1;  // of the covariance fit (covariance.h), 1 where none was made
};

// Any counts give a model: what the votes do not tell (one or two LFs, no overlap, no votes) comes from the prior that
// an LF is right three times out of four.
FittedModel fit_label_model(const VoteCounts& counts, const FitOptions& options, const JobControl& job = {});

}  // namespace nearvote

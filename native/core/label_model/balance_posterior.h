// From how well each class share q explains what was counted to a mean and an interval for q.
#pragma once

#include <functional>
#include <vector>

#include "core/base/job.h"

namespace nearvote {

struct Share {
  double mean = 0.5, low = 0, high = 1;  // low, high: 95 %
};

// residuals(q, squares): squares of (observed - predicted) in standard errors, one a statistic. Their robust sum, on
// the scale of their median at the best q (LFs that contradict the model widen the interval), is taken for -2 log
// likelihood. Statistics share rows and errors of the fit, so many of them count for no more than twelve (one
// class of several: four; from simulations). Prior: uniform over the shares of `classes` classes.
Share share_posterior(const std::function<void(double, std::vector<double>&)>& residuals, double misfit, int classes,
                      const JobControl& job);

}  // namespace nearvote

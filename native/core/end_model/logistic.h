// The end model: multinomial logistic regression on embeddings, trained on probabilistic labels (the noise-aware loss
// of Ratner et al., arXiv 1605.07723: the expectation of the log loss under the label distribution).
//
// Minimises  sum_i w_i H(p_i, softmax(W x_i + b)) / sum_i w_i  +  l2/2 |W|^2  with L-BFGS; the problem is convex. Two
// classes use one logit. Sums are taken over fixed chunks of rows in a fixed order: the same bits for any thread count
// and ISA.
#pragma once

#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"

namespace nearvote {

struct EndModelOptions {
  double l2 = 0;  // > 0
  int max_iterations = 200;
  double tolerance = 1e-5;  // stop when no component of the gradient is larger
  int threads = 0;
};

struct EndModel {
  int64_t dims = 0;
  int logits = 1;               // 1 for two classes, else K
  std::vector<double> weights;  // logits x (d + 1): the coefficients, then the intercept
  int iterations = 0;
  double loss = 0;  // at the end, regularisation included
  bool converged = false;
};

// proba: n (P(Y = second class)) for two classes, n x K otherwise, rows summing to 1. row_weights: n, or null for ones;
// >= 0, with a positive sum. Throws InvalidArgument naming the first value that is not finite, Cancelled when the job
// is.
EndModel fit_end_model(const Rows& embeddings, const double* proba, int classes, const double* row_weights,
                       const EndModelOptions& options, const JobControl& job = {});

// out: n (P of the second class) for two classes, n x K otherwise.
void predict_end_model(const EndModel& model, const Rows& embeddings, double* out, int threads,
                       const JobControl& job = {});

}  // namespace nearvote

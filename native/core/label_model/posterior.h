// P(Y | votes) and labels of rows under a fitted model: table look-ups, one addition a vote (and class).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"
#include "core/label_model/model.h"

namespace nearvote {

// What a label is where the posterior does not decide: on an exact tie of the likeliest classes (to 1e-9), and on a row
// without any vote. abstain: 0. prior: the class with the larger class balance, 0 if that ties too.
enum class Undecided { abstain, prior };

// Doubles a row: 1 for signed votes, P(Y = +1); K for classes.
int64_t proba_columns(const LabelModel& model);

// votes: valid for the model's domain, model.lfs columns. out: rows x proba_columns, finite, each row a distribution.
void predict_proba(const LabelModel& model, VoteMatrix votes, double* out, int threads = 0, const JobControl& job = {});

// out: one vote of the model's domain a row.
void predict(const LabelModel& model, VoteMatrix votes, Undecided ties, Undecided uncovered, int8_t* out,
             int threads = 0, const JobControl& job = {});

// The likeliest of K classes; -1: another comes within 1e-9 of it.
int decided_class(const double* proba, int classes);

// Some rows' posteriors, on their way.
struct PosteriorBlock {
  int64_t first, count;   // rows
  const double* proba;    // count x K
  const int32_t* voters;  // count: LFs that vote on the row
};

// The posteriors of predict_proba, to the bit, of votes in columns: model.lfs of them, `rows` votes each. Calls use()
// once per block of rows, from any thread.
void for_posteriors(const LabelModel& model, const std::vector<const int8_t*>& columns, int64_t rows, int threads,
                    const JobControl& job, const std::function<void(const PosteriorBlock&)>& use);

}  // namespace nearvote

// P(Y | votes) and labels of rows under a fitted model: table look-ups, one addition a vote (and class).
#pragma once

#include <cstdint>

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

}  // namespace nearvote

// P(Y | votes) where some votes are soft: a cell on which the LF itself abstains may hold shares of the classes, what
// its nearest voters say together. A soft cell adds  a (sum_c share_c w_c) + (1 - a) w_abstain  to the row, w the
// weights of the label model (their logarithms where these are factors).
//
// The soft votes of a row are dependent evidence: neighbours that one LF names are near those that another names, and
// each repeats what is said elsewhere. Their total weight is capped: of e soft votes each counts a = 1 / e, so that all
// together count as one vote. On made-up tasks a cap of sqrt(e) is as good where a threshold keeps voters near and much
// worse where none does (bench/quality/extension.md).
#pragma once

#include <cstdint>

#include "core/base/job.h"
#include "core/base/matrix.h"
#include "core/label_model/model.h"

namespace nearvote {

// votes: n x lfs, valid for the model's domain; what a cell with shares holds is ignored. shares: n x lfs x K, a
// distribution, or all 0: no soft vote. out: n x K, each row a distribution. The same bits for any thread count.
void predict_soft(const LabelModel& model, VoteMatrix votes, const float* shares, double* out, int threads = 0,
                  const JobControl& job = {});

}  // namespace nearvote

// A fitted model as plain numbers, the form in which it crosses the border.
#pragma once

#include "core/label_model/model.h"

namespace nearvote::node {

// Prediction needs: combine (0 bayes, 1 shares, 2 product), class balance (K), start (K), weights (m x (K + 1) x K).
int64_t flat_model_length(VoteDomain domain, int64_t lfs);
LabelModel unflatten_model(const double* flat, VoteDomain domain, int64_t lfs);

}  // namespace nearvote::node

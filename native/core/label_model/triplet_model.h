// A label model from triplets. Where every LF names at least two classes, its accuracy is read off agreements on rows
// where both LFs of a pair vote (symmetric errors, abstains independent of being right; any class balance). If some LF
// names one class only, agreements of such LFs are certain and say nothing; then P(vote | Y) is read off covariances
// over all rows, votes of each class apart.
#pragma once

#include "core/base/job.h"
#include "core/label_model/fit.h"
#include "core/label_model/model.h"
#include "core/label_model/triplets.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

// model: sizes, class balance and coverages are set.
LabelModel fit_triplet_model(const VoteCounts& counts, LabelModel model, TripletRule rule, const FitOptions& options,
                             const JobControl& job);

}  // namespace nearvote

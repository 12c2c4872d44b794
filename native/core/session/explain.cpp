#include "core/session/explain.h"

#include <algorithm>
#include <limits>

#include "core/label_model/posterior.h"
#include "core/neighbors/canonical.h"

namespace nearvote {
namespace {

void add_neighbors(const SessionState& state, int64_t row, Explanation& out) {
  const Beliefs& beliefs = state.smoothing->beliefs;
  const int64_t k = std::min(state.smoothing->k, state.lists->count(row));
  std::vector<int32_t> indices(static_cast<size_t>(k));
  std::transform(state.lists->entries(row), state.lists->entries(row) + k, indices.begin(), NeighborLists::row_of);
  std::vector<float> weights(state.lists->scores(row), state.lists->scores(row) + k);
  neighbor_weights(state.set->metric(), indices.data(), weights.data(), 1, k, 1);
  for (size_t j = 0; j < indices.size(); ++j) {
    const double weight = weights[j] * beliefs.weight[static_cast<size_t>(indices[j])];
    const auto from = beliefs.state.begin() + indices[j] * state.domain.classes;
    if (weight > 0) out.neighbors.push_back({indices[j], weight, {from, from + state.domain.classes}});
  }
  out.mean = beliefs.mean;
}

}  // namespace

Explanation explain(const SessionState& state, int64_t row) {
  const LabelModel& model = state.model;
  const EmbeddingSet& set = *state.set;
  const int classes = state.domain.classes;
  const auto at = static_cast<size_t>(row);
  const int64_t columns = proba_columns(model);
  Explanation out{model.combine, model.start, {}, {}, {}, state.labels[at], {}, {}};
  out.posterior.assign(state.proba.begin() + row * columns, state.proba.begin() + (row + 1) * columns);
  // As in posterior.cpp: what abstaining says goes into the start, and a vote's weight is the difference to it.
  const bool bayes = model.combine == Combine::bayes;
  for (int64_t lf = 0; bayes && lf < model.lfs; ++lf)
    for (int y = 0; y < classes; ++y) out.start[static_cast<size_t>(y)] += model.weight(lf, 0, y);
  for (int64_t lf = 0; lf < model.lfs; ++lf) {
    const LfColumn& column = *state.lfs[static_cast<size_t>(lf)];
    const int8_t vote = column.extended[row];
    if (vote == 0 && model.combine != Combine::product) continue;
    Evidence evidence{
        lf, vote, vote == 0 ? kAbstains : column.nearest[row], std::numeric_limits<double>::quiet_NaN(), {}};
    if (evidence.neighbor >= 0)
      evidence.score =
          score_of_key(set.metric(), canonical_key(set.metric(), set.row(row), set.row(evidence.neighbor), set.dims()));
    for (int y = 0; y < classes; ++y)
      evidence.weights.push_back(model.weight(lf, state.domain.class_of(vote) + 1, y) -
                                 (bayes ? model.weight(lf, 0, y) : 0.0));
    out.evidence.push_back(std::move(evidence));
  }
  std::vector<int8_t> votes;
  for (const auto& column : state.lfs) votes.push_back(column->extended[row]);
  out.own.resize(static_cast<size_t>(columns));
  predict_proba(model, {votes.data(), 1, model.lfs}, out.own.data(), 1);
  if (state.smoothing) add_neighbors(state, row, out);
  return out;
}

}  // namespace nearvote

// What JavaScript reads of a session: plain data about its visible state, in place.
#include "core/session/explain.h"
#include "core/session/next_to_label.h"
#include "core/session/suggest.h"
#include "node/args.h"
#include "node/session_box.h"

namespace nearvote::node {
namespace {

// sessionState(session) -> { rows, labels, proba } copies
Napi::Value visible_state(const Napi::CallbackInfo& info) {
  const auto state = Handle<SessionBox>::open(info[0])->visible;
  auto result = Napi::Object::New(info.Env());
  result.Set("labels", copied<Napi::Int8Array>(info.Env(), state->labels));
  result.Set("proba", copied<Napi::Float64Array>(info.Env(), state->proba));
  return result;
}

// sessionLabels(session, rows: Int32Array) -> Int8Array
Napi::Value labels_of(const Napi::CallbackInfo& info) {
  const auto state = Handle<SessionBox>::open(info[0])->visible;
  const auto* rows = array_arg<int32_t>(info, 1, -1);
  const int64_t count = array_length(info, 1);
  auto labels = Napi::Int8Array::New(info.Env(), static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    if (rows[i] < 0 || rows[i] >= state->rows())
      throw Napi::RangeError::New(info.Env(), "Expected rows of the session");
    labels.Data()[i] = state->labels[static_cast<size_t>(rows[i])];
  }
  return labels;
}

// sessionVotes(session, rows: Int32Array | undefined: all) -> Int8Array rows x lfs: the extended votes
Napi::Value extended_votes(const Napi::CallbackInfo& info) {
  const auto state = Handle<SessionBox>::open(info[0])->visible;
  const bool all = info[1].IsUndefined();
  const auto* rows = all ? nullptr : array_arg<int32_t>(info, 1, -1);
  const int64_t count = all ? state->rows() : array_length(info, 1);
  const auto m = static_cast<int64_t>(state->lfs.size());
  auto votes = Napi::Int8Array::New(info.Env(), static_cast<size_t>(count * m));
  int8_t* out = votes.Data();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = all ? i : rows[i];
    if (row < 0 || row >= state->rows()) throw Napi::RangeError::New(info.Env(), "Expected rows of the session");
    for (int64_t j = 0; j < m; ++j) out[i * m + j] = state->lfs[static_cast<size_t>(j)]->extended[row];
  }
  return votes;
}

// sessionNames(session) -> [string]
Napi::Value names(const Napi::CallbackInfo& info) {
  const auto& lfs = Handle<SessionBox>::open(info[0])->visible->lfs;
  auto list = Napi::Array::New(info.Env(), lfs.size());
  for (size_t j = 0; j < lfs.size(); ++j) list.Set(static_cast<uint32_t>(j), lfs[j]->name);
  return list;
}

// sessionReport(session, place of one LF, -1: all) -> { rows, covered, bytes, lfs: [{ name, threshold, direct: [K],
// extended: [K], overlaps, conflicts }] }
Napi::Value report(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto box = Handle<SessionBox>::open(info[0]);
  const SessionState& state = *box->visible;
  const int classes = state.domain.classes;
  const int64_t place = int_arg(info, 1);
  if (place >= static_cast<int64_t>(state.lfs.size()))
    throw Napi::RangeError::New(env, "Expected an LF of the session");
  const auto first = static_cast<size_t>(std::max<int64_t>(place, 0)), end = place < 0 ? state.lfs.size() : first + 1;
  auto lfs = Napi::Array::New(env, end - first);
  for (size_t j = first; j < end; ++j) {
    const LfColumn& column = *state.lfs[j];
    auto lf = Napi::Object::New(env);
    auto direct = Napi::Array::New(env), extended = Napi::Array::New(env);
    int64_t overlaps = 0, conflicts = 0;
    for (int c = 0; c < classes; ++c) {
      const size_t u = j * static_cast<size_t>(classes) + static_cast<size_t>(c);
      direct.Set(static_cast<uint32_t>(c), static_cast<double>(column.direct->per_class[static_cast<size_t>(c)]));
      extended.Set(static_cast<uint32_t>(c), static_cast<double>(column.per_class[static_cast<size_t>(c)]));
      overlaps += state.counts.overlaps[u];
      conflicts += state.counts.conflicts[u];
    }
    lf.Set("name", column.name);
    lf.Set("threshold", column.threshold);
    lf.Set("direct", direct);
    lf.Set("extended", extended);
    lf.Set("overlaps", static_cast<double>(overlaps));
    lf.Set("conflicts", static_cast<double>(conflicts));
    lfs.Set(static_cast<uint32_t>(j - first), lf);
  }
  auto result = Napi::Object::New(env);
  result.Set("rows", static_cast<double>(state.rows()));
  result.Set("covered", static_cast<double>(state.covered_rows));
  result.Set("bytes", static_cast<double>(box->bytes));
  result.Set("lfs", lfs);
  return result;
}

Napi::Array numbers(Napi::Env env, const std::vector<double>& values) {
  auto array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), values[i]);
  return array;
}

// sessionExplain(session, row) -> { combine, start, evidence: [{ lf, vote, neighbor, score, weights }], own, posterior,
// label, neighbors: [{ row, weight, state }], mean }; neighbors and mean are empty unless posteriors are smoothed
Napi::Value explain_row(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto state = Handle<SessionBox>::open(info[0])->visible;
  const int64_t row = int_arg(info, 1);
  if (row < 0 || row >= state->rows()) throw Napi::RangeError::New(env, "Expected a row of the session");
  const Explanation explanation = explain(*state, row);
  auto evidence = Napi::Array::New(env, explanation.evidence.size());
  for (size_t e = 0; e < explanation.evidence.size(); ++e) {
    const Evidence& source = explanation.evidence[e];
    auto item = Napi::Object::New(env);
    item.Set("lf", state->lfs[static_cast<size_t>(source.lf)]->name);
    item.Set("vote", static_cast<double>(source.vote));
    item.Set("neighbor", static_cast<double>(source.neighbor));
    item.Set("score", source.score);
    item.Set("weights", numbers(env, source.weights));
    evidence.Set(static_cast<uint32_t>(e), item);
  }
  auto result = Napi::Object::New(env);
  result.Set("combine", static_cast<double>(explanation.combine));
  result.Set("start", numbers(env, explanation.start));
  result.Set("evidence", evidence);
  result.Set("own", numbers(env, explanation.own));
  result.Set("posterior", numbers(env, explanation.posterior));
  result.Set("label", static_cast<double>(explanation.label));
  auto neighbors = Napi::Array::New(env, explanation.neighbors.size());
  for (size_t j = 0; j < explanation.neighbors.size(); ++j) {
    const NeighborState& neighbor = explanation.neighbors[j];
    auto item = Napi::Object::New(env);
    item.Set("row", static_cast<double>(neighbor.row));
    item.Set("weight", neighbor.weight);
    item.Set("state", numbers(env, neighbor.state));
    neighbors.Set(static_cast<uint32_t>(j), item);
  }
  result.Set("neighbors", neighbors);
  result.Set("mean", numbers(env, explanation.mean));
  return result;
}

// sessionNextToLabel(session, labelled: Int32Array of rows, count, threads) -> Int32Array of rows
Napi::Value next_rows(const Napi::CallbackInfo& info) {
  const auto state = Handle<SessionBox>::open(info[0])->visible;
  const auto* rows = array_arg<int32_t>(info, 1, -1);
  const std::vector<int32_t> labelled(rows, rows + array_length(info, 1));
  for (const int32_t row : labelled)
    if (row < 0 || row >= state->rows()) throw Napi::RangeError::New(info.Env(), "Expected rows of the session");
  const int threads = static_cast<int>(int_arg(info, 3));
  return copied<Napi::Int32Array>(info.Env(), next_to_label(*state, labelled, int_arg(info, 2), {threads, {}}));
}

// sessionConflicts(session, accuracies: Float64Array, count, examples) -> [{ a, b, overlap, disagree, expected, rows }]
Napi::Value conflicts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto state = Handle<SessionBox>::open(info[0])->visible;
  const auto m = static_cast<int64_t>(state->lfs.size());
  const auto* accuracies = array_arg<double>(info, 1, m);
  const auto found = find_conflicts(*state, {accuracies, accuracies + m}, int_arg(info, 2), int_arg(info, 3));
  auto list = Napi::Array::New(env, found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    auto item = Napi::Object::New(env);
    item.Set("a", state->lfs[static_cast<size_t>(found[i].a)]->name);
    item.Set("b", state->lfs[static_cast<size_t>(found[i].b)]->name);
    item.Set("overlap", static_cast<double>(found[i].overlap));
    item.Set("disagree", static_cast<double>(found[i].disagree));
    item.Set("expected", found[i].expected);
    item.Set("rows", copied<Napi::Int32Array>(env, found[i].rows));
    list.Set(static_cast<uint32_t>(i), item);
  }
  return list;
}

// sessionUncovered(session, count, examples) -> [{ row, size, rows }]
Napi::Value uncovered(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto found = find_uncovered(*Handle<SessionBox>::open(info[0])->visible, int_arg(info, 1), int_arg(info, 2));
  auto list = Napi::Array::New(env, found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    auto item = Napi::Object::New(env);
    item.Set("row", static_cast<double>(found[i].row));
    item.Set("size", static_cast<double>(found[i].size));
    item.Set("rows", copied<Napi::Int32Array>(env, found[i].rows));
    list.Set(static_cast<uint32_t>(i), item);
  }
  return list;
}

}  // namespace

void register_session_read(Napi::Env env, Napi::Object exports) {
  exports.Set("sessionLabels", Napi::Function::New(env, labels_of));
  exports.Set("sessionState", Napi::Function::New(env, visible_state));
  exports.Set("sessionVotes", Napi::Function::New(env, extended_votes));
  exports.Set("sessionNames", Napi::Function::New(env, names));
  exports.Set("sessionReport", Napi::Function::New(env, report));
  exports.Set("sessionExplain", Napi::Function::New(env, explain_row));
  exports.Set("sessionNextToLabel", Napi::Function::New(env, next_rows));
  exports.Set("sessionConflicts", Napi::Function::New(env, conflicts));
  exports.Set("sessionUncovered", Napi::Function::New(env, uncovered));
}

}  // namespace nearvote::node

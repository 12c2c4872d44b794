// Opening and editing a session: one call per half of an edit.
#include <cmath>
#include <optional>
#include <string>

#include "node/addon.h"
#include "node/args.h"
#include "node/embedding_set.h"
#include "node/graph_box.h"
#include "node/job.h"
#include "node/label_model.h"
#include "node/session_box.h"
#include "node/votes.h"

namespace nearvote::node {
namespace {

Napi::Value new_session(const Napi::CallbackInfo& info) { return Handle<SessionBox>::make(info.Env()); }

Napi::Value new_session_edit(const Napi::CallbackInfo& info) {
  const Napi::Value handle = Handle<EditBox>::make(info.Env());
  Handle<EditBox>::from(handle)->value = std::make_shared<EditBox>();
  return handle;
}

// fillSession(session, embeddings (3), metric, classes, neighbours per row (0: default), threads, control)
Napi::Value fill_session(const Napi::CallbackInfo& info) {
  auto handle = Handle<SessionBox>::from(info[0]);
  const Operand operand(info, 1, "embeddings");
  const Metric metric = metric_arg(info, 4);
  const VoteDomain domain = domain_arg(info, 5);
  const int64_t length = int_arg(info, 6);
  const int threads = static_cast<int>(int_arg(info, 7));
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job};
    auto set = operand.resolve(metric, options, room_for(operand.row_count()));
    handle->value = std::make_shared<SessionBox>(SessionBox{Session(std::move(set), domain, length, options), {}, 0});
  });
}

// sessionSetVotes(session, edit, names, columns: Int8Array lfs x rows, thresholds: Float64Array, NaN keeps the LF's
// own, threads, control)
Napi::Value set_votes(const Napi::CallbackInfo& info) {
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const auto names = info[2].As<Napi::Array>();
  const auto lfs = static_cast<int64_t>(names.Length());
  const auto* columns = array_arg<int8_t>(info, 3, -1);
  const int64_t cells = array_length(info, 3);
  const auto* thresholds = array_arg<double>(info, 4, lfs);
  std::vector<LfVotes> votes;
  for (int64_t j = 0; j < lfs; ++j) {
    const double threshold = thresholds[j];
    votes.push_back({names.Get(static_cast<uint32_t>(j)).ToString().Utf8Value(), columns + j * (cells / lfs),
                     std::isnan(threshold) ? std::nullopt : std::optional(threshold)});
  }
  const int threads = static_cast<int>(int_arg(info, 5));
  return run_call(info, [=](const JobControl& job) {
    if (cells != lfs * box->session.rows())
      throw expected(std::to_string(box->session.rows()) + " votes", "votes",
                     std::to_string(lfs > 0 ? cells / lfs : 0));
    edit->pending = box->session.set_votes(votes, {threads, job});
  });
}

// sessionSetThreshold(session, edit, name, threshold, threads, control)
Napi::Value set_threshold(const Napi::CallbackInfo& info) {
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const std::string name = string_arg(info, 2);
  const double threshold = double_arg(info, 3);
  const int threads = static_cast<int>(int_arg(info, 4));
  return run_call(info, [=](const JobControl& job) {
    edit->pending = box->session.set_threshold(name, threshold, {threads, job});
  });
}

// sessionRemoveLf(session, edit, name, control)
Napi::Value remove_lf(const Napi::CallbackInfo& info) {
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const std::string name = string_arg(info, 2);
  return run_call(info, [=](const JobControl&) { edit->pending = box->session.remove_lf(name); });
}

// sessionAppendRows(session, edit, rows (matrix: 3), columns: Int8Array lfs x rows, lfs, threads, control)
Napi::Value append_rows(const Napi::CallbackInfo& info) {
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const auto rows = matrix_arg<const float>(info, 2);
  const int64_t lfs = int_arg(info, 6);
  const auto* columns = array_arg<int8_t>(info, 5, lfs * rows.rows);
  const int threads = static_cast<int>(int_arg(info, 7));
  return run_call(info, [=](const JobControl& job) {
    const auto& state = *box->session.state();
    if (lfs != static_cast<int64_t>(state.lfs.size()) || rows.cols != state.set->dims())
      throw expected(std::to_string(state.set->dims()) + " columns", "embeddings", std::to_string(rows.cols));
    std::vector<const int8_t*> votes;
    for (int64_t j = 0; j < lfs; ++j) votes.push_back(columns + j * rows.rows);
    edit->pending = box->session.append_rows(rows, votes, RunOptions{threads, job});
  });
}

// sessionEditCounts(edit) -> { lfs, counts, rows, extends }: what the label model is to be fitted to, once the first
// half is done; whether votes are extended
Napi::Value edit_counts(const Napi::CallbackInfo& info) {
  const auto edit = Handle<EditBox>::open(info[0]);
  const VoteCounts& counts = edit->pending.counts;
  auto flat = Napi::Float64Array::New(info.Env(), static_cast<size_t>(flat_counts_length(counts.domain, counts.lfs)));
  flatten_counts(counts, flat.Data());
  auto result = Napi::Object::New(info.Env());
  result.Set("lfs", static_cast<double>(counts.lfs));
  result.Set("counts", flat);
  result.Set("rows", static_cast<double>(edit->pending.set->rows()));
  result.Set("extends", edit->pending.extends());
  return result;
}

// Makes what an edit led to visible, on the environment's thread.
std::function<void(Napi::Env)> publish(std::shared_ptr<Handle<SessionBox>> handle, std::shared_ptr<SessionBox> box,
                                       std::shared_ptr<EditBox> edit) {
  return [=](Napi::Env env) {
    box->visible = edit->state;
    box->bytes = edit->bytes;
    if (handle->value == box) handle->report_memory(env, edit->bytes);
  };
}

LabelModel model_arg(const Napi::CallbackInfo& info, size_t index, const EditBox& edit) {
  const VoteCounts& counts = edit.pending.counts;
  return unflatten_model(array_arg<double>(info, index, flat_model_length(counts.domain, counts.lfs)), counts.domain,
                         counts.lfs);
}

// sessionGraph(session, edit, graph, model, goldRows, goldLabels: class indices (-1: unknown), k, threads, control):
// fills the graph that the edit's posteriors are smoothed on
Napi::Value fill_graph(const Napi::CallbackInfo& info) {
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  auto graph = Handle<GraphBox>::open(info[2]);
  const LabelModel model = model_arg(info, 3, *edit);
  const int64_t rows = edit->pending.set->rows(), count = array_length(info, 4);
  const auto* gold_rows = array_arg<int32_t>(info, 4, count);
  const auto* labels = array_arg<int32_t>(info, 5, count);
  std::vector<int32_t> gold(static_cast<size_t>(rows), -1);
  for (int64_t i = 0; i < count; ++i) {
    if (gold_rows[i] < 0 || gold_rows[i] >= rows || labels[i] >= model.domain.classes)
      throw Napi::RangeError::New(info.Env(), "Expected rows of the session and class indices");
    gold[static_cast<size_t>(gold_rows[i])] = labels[i];
  }
  const int64_t k = int_arg(info, 6);
  const int threads = static_cast<int>(int_arg(info, 7));
  return run_call(info, [=](const JobControl& job) {
    graph->graph = box->session.posterior_graph(edit->pending, model, gold, k, {threads, job});
    edit->pending.smoothed_k = k;
  });
}

// sessionSmooth(edit, graph, ownWeight, goldWeight, rounds (0: own posteriors alone), threads, control): into the edit
Napi::Value smooth(const Napi::CallbackInfo& info) {
  auto edit = Handle<EditBox>::open(info[0]);
  auto graph = Handle<GraphBox>::open(info[1]);
  const SmoothingSettings settings{double_arg(info, 2), double_arg(info, 3)};
  const int rounds = static_cast<int>(int_arg(info, 4));
  const int threads = static_cast<int>(int_arg(info, 5));
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job};
    edit->pending.smoothed =
        rounds == 0 ? graph->graph->alone(options) : graph->graph->smooth(settings, {}, rounds, options);
    graph->graph = nullptr;  // the handle lives until it is collected
  });
}

// sessionCommit(session, edit, model, threads, control)
Napi::Value commit(const Napi::CallbackInfo& info) {
  auto handle = Handle<SessionBox>::from(info[0]);
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const LabelModel model = model_arg(info, 2, *edit);
  const int threads = static_cast<int>(int_arg(info, 3));
  return run_call(
      info,
      [=](const JobControl& job) {
        edit->change = box->session.commit(std::move(edit->pending), model, {threads, job});
        edit->state = box->session.state();
        edit->bytes = box->session.bytes();
      },
      publish(handle, box, edit));
}

// sessionUndo(session, edit, threads, control)
Napi::Value undo(const Napi::CallbackInfo& info) {
  auto handle = Handle<SessionBox>::from(info[0]);
  auto box = Handle<SessionBox>::open(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const int threads = static_cast<int>(int_arg(info, 2));
  return run_call(
      info,
      [=](const JobControl& job) {
        edit->change = box->session.undo({threads, job});
        edit->state = box->session.state();
        edit->bytes = box->session.bytes();
      },
      publish(handle, box, edit));
}

// sessionChange(edit) -> { labels, posteriors, coverage: Int32Array of rows, lookedUp, rows, undoable }
Napi::Value change(const Napi::CallbackInfo& info) {
  const auto edit = Handle<EditBox>::open(info[0]);
  auto result = Napi::Object::New(info.Env());
  result.Set("labels", copied<Napi::Int32Array>(info.Env(), edit->change.labels));
  result.Set("posteriors", copied<Napi::Int32Array>(info.Env(), edit->change.posteriors));
  result.Set("coverage", copied<Napi::Int32Array>(info.Env(), edit->change.coverage));
  result.Set("lookedUp", static_cast<double>(edit->change.looked_up));
  result.Set("rows", static_cast<double>(edit->state->rows()));
  result.Set("undoable", static_cast<double>(edit->change.undoable));
  *edit = {};  // the handle lives until it is collected; what it holds would keep memory from being reused
  return result;
}

// closeSession(session): a running edit keeps it until it ends
Napi::Value close_session(const Napi::CallbackInfo& info) {
  Handle<SessionBox>::from(info[0])->close(info.Env());
  return info.Env().Undefined();
}

}  // namespace

void register_session(Napi::Env env, Napi::Object exports) {
  register_session_read(env, exports);
  register_session_file(env, exports);
  exports.Set("newSession", Napi::Function::New(env, new_session));
  exports.Set("fillSession", Napi::Function::New(env, fill_session));
  exports.Set("newSessionEdit", Napi::Function::New(env, new_session_edit));
  exports.Set("sessionSetVotes", Napi::Function::New(env, set_votes));
  exports.Set("sessionSetThreshold", Napi::Function::New(env, set_threshold));
  exports.Set("sessionRemoveLf", Napi::Function::New(env, remove_lf));
  exports.Set("sessionAppendRows", Napi::Function::New(env, append_rows));
  exports.Set("sessionEditCounts", Napi::Function::New(env, edit_counts));
  exports.Set("sessionGraph", Napi::Function::New(env, fill_graph));
  exports.Set("sessionSmooth", Napi::Function::New(env, smooth));
  exports.Set("sessionCommit", Napi::Function::New(env, commit));
  exports.Set("sessionUndo", Napi::Function::New(env, undo));
  exports.Set("sessionChange", Napi::Function::New(env, change));
  exports.Set("closeSession", Napi::Function::New(env, close_session));
}

}  // namespace nearvote::node

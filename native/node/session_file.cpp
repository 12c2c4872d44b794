// Saving a session and loading one.
#include "core/session/session_file.h"

#include <string>

#include "node/args.h"
#include "node/embedding_set.h"
#include "node/errors.h"
#include "node/job.h"
#include "node/session_box.h"

namespace nearvote::node {
namespace {

// sessionSave(session, path, notes, threads, control): writes the file at once in place
Napi::Value save(const Napi::CallbackInfo& info) {
  auto box = Handle<SessionBox>::open(info[0]);
  const std::string path = string_arg(info, 1), notes = string_arg(info, 2);
  const int threads = static_cast<int>(int_arg(info, 3));
  return run_call(info,
                  [=](const JobControl& job) { write_session(box->session, notes, path, RunOptions{threads, job}); });
}

// sessionFile(path) -> { metric, classes, notes }
Napi::Value file_header(const Napi::CallbackInfo& info) {
  try {
    const SessionFileHeader header = read_session_header(string_arg(info, 0));
    auto result = Napi::Object::New(info.Env());
    result.Set("metric", header.metric == Metric::cosine ? "cosine" : header.metric == Metric::dot ? "dot" : "l2");
    result.Set("classes", header.domain.signed_votes ? 0.0 : static_cast<double>(header.domain.classes));
    result.Set("notes", header.notes);
    return result;
  } catch (const std::runtime_error&) {
    throw to_js_error(info.Env(), std::current_exception());
  }
}

// sessionLoad(session, edit, path, embeddings (3), metric, threads, control): as fillSession and a first half
Napi::Value load(const Napi::CallbackInfo& info) {
  auto handle = Handle<SessionBox>::from(info[0]);
  auto edit = Handle<EditBox>::open(info[1]);
  const std::string path = string_arg(info, 2);
  const Operand operand(info, 3, "embeddings");
  const Metric metric = metric_arg(info, 6);
  const int threads = static_cast<int>(int_arg(info, 7));
  return run_call(info, [=](const JobControl& job) {
    const RunOptions options{threads, job};
    LoadedSession loaded = read_session(path, operand.resolve(metric, options, room_for(operand.row_count())), options);
    edit->pending = std::move(loaded.edit);
    handle->value = std::make_shared<SessionBox>(SessionBox{std::move(loaded.session), {}, 0});
  });
}

}  // namespace

void register_session_file(Napi::Env env, Napi::Object exports) {
  exports.Set("sessionSave", Napi::Function::New(env, save));
  exports.Set("sessionFile", Napi::Function::New(env, file_header));
  exports.Set("sessionLoad", Napi::Function::New(env, load));
}

}  // namespace nearvote::node

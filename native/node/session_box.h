// The native side of a session as JavaScript holds it. Its edits are jobs on the compute thread, in the order they were
// called; what JavaScript reads at once (labels, statistics) is the state of the last edit whose promise has resolved.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/session/session.h"
#include "node/handle.h"

namespace nearvote::node {

struct SessionBox {
  Session session;                              // the compute thread's
  std::shared_ptr<const SessionState> visible;  // the environment's
  int64_t bytes = 0;                            // the environment's
};

// One edit on its way: made by the first half, taken by the second, which leaves the change.
struct EditBox {
  PendingEdit pending;
  Change change;
  std::shared_ptr<const SessionState> state;
  int64_t bytes = 0;
};

template <>
struct HandleTraits<SessionBox> {
  static constexpr const char* name = "Session";
  static constexpr napi_type_tag tag = {0x6e65617276746533, 0x73657373696f6e00};
};

template <>
struct HandleTraits<EditBox> {
  static constexpr const char* name = "SessionEdit";
  static constexpr napi_type_tag tag = {0x6e65617276746534, 0x65646974696e6700};
};

template <class Array, class T>
Array copied(Napi::Env env, const std::vector<T>& values) {
  auto array = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// Rows that may be appended before the embeddings have to be copied.
inline int64_t room_for(int64_t rows) { return rows / 8 + 1024; }

inline std::string string_arg(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsString())
    throw Napi::TypeError::New(info.Env(), "Expected a string for argument " + std::to_string(index));
  return info[index].As<Napi::String>().Utf8Value();
}

// What JavaScript reads of the visible state (session_read.cpp); saving and loading (session_file.cpp).
void register_session_file(Napi::Env env, Napi::Object exports);
void register_session_read(Napi::Env env, Napi::Object exports);

}  // namespace nearvote::node

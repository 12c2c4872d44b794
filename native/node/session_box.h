// The native side of a session as JavaScript holds it. Its edits are jobs on the compute thread, in the order they were
// called; what JavaScript reads at once (labels, statistics) is the state of the last edit whose promise has resolved.
#pragma once

#include <algorithm>
#include <memory>
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

// What JavaScript reads of the visible state (session_read.cpp).
void register_session_read(Napi::Env env, Napi::Object exports);

}  // namespace nearvote::node

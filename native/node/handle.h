// Native objects that JavaScript holds. A handle is made before its value, so that an async job can fill it, and is
// closed by the user or the collector; a running job keeps the value alive by its own shared_ptr.
#pragma once

#include <memory>
#include <string>

#include "node/napi_setup.h"

namespace nearvote::node {

// Specialise for every type held: a name for messages and a tag that no other object carries.
template <class T>
struct HandleTraits;

template <class T>
class Handle {
 public:
  static Napi::Value make(Napi::Env env) {
    auto* box = new std::shared_ptr<Handle>(std::make_shared<Handle>());
    auto external = Napi::External<std::shared_ptr<Handle>>::New(
        env, box, [](Napi::BasicEnv basic, std::shared_ptr<Handle>* owned) {
          (*owned)->close(basic);
          delete owned;
        });
    external.TypeTag(&HandleTraits<T>::tag);
    return external;
  }

  static std::shared_ptr<Handle> from(const Napi::Value& value) {
    if (value.IsExternal()) {
      auto external = value.As<Napi::External<std::shared_ptr<Handle>>>();
      if (external.CheckTypeTag(&HandleTraits<T>::tag)) return *external.Data();
    }
    throw Napi::TypeError::New(value.Env(), std::string("Expected a handle of ") + HandleTraits<T>::name);
  }

  // The value of an open handle.
  static std::shared_ptr<T> open(const Napi::Value& value) {
    auto handle = from(value);
    if (handle->value) return handle->value;
    throw Napi::TypeError::New(value.Env(), std::string("Expected an open ") + HandleTraits<T>::name +
                                                " for this call but received one that is closed");
  }

  // Tells the collector how much memory hangs on this small object; on the environment's thread.
  void report_memory(node_api_basic_env env, int64_t bytes) {
    int64_t total = 0;
    napi_adjust_external_memory(env, bytes - reported_, &total);
    reported_ = bytes;
  }

  void close(node_api_basic_env env) {
    value.reset();
    report_memory(env, 0);
  }

  std::shared_ptr<T> value;

 private:
  int64_t reported_ = 0;
};

}  // namespace nearvote::node

// Opens a backend by path, for the programs that drive one without Node.
#pragma once

#include <dlfcn.h>

#include <string>

#include "core/device/device_api.h"

namespace nearvote::cuda {

// The backend's functions; `why` says what is missing when the size of the result is 0.
inline NearvoteDeviceApi open_backend(const char* path, std::string& why) {
  NearvoteDeviceApi api{};
  api.size = sizeof api;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    why = dlerror();
    return {};
  }
  const auto entry = reinterpret_cast<NearvoteDeviceApiEntry>(dlsym(library, NEARVOTE_DEVICE_API_ENTRY));
  if (entry == nullptr || entry(NEARVOTE_DEVICE_ABI, &api) != NEARVOTE_OK) {
    why = "not a backend of this version";
    return {};
  }
  NearvoteText error{};
  error.size = sizeof error;
  int32_t count = 0;
  if (api.device_count(&count, &error) != NEARVOTE_OK) {
    why = error.text;
    return {};
  }
  return api;
}

}  // namespace nearvote::cuda

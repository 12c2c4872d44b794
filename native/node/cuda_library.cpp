#include "node/cuda_library.h"

#include <cstdlib>
#include <mutex>
#include <string>

#include "node/addon.h"
#include "node/args.h"
#if defined(__linux__)
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace nearvote::node {
namespace {

NearvoteText no_error() {
  NearvoteText text{};
  text.size = sizeof text;
  return text;
}

#if defined(__linux__)
std::string library_path() {
  if (const char* named = std::getenv("NEARVOTE_CUDA_LIBRARY")) return named;
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&library_path), &self);
  const std::string addon = self.dli_fname;
  return addon.substr(0, addon.find_last_of('/') + 1) + "nearvote-cuda.so";
}

NearvoteDeviceApi open_library() {
  const std::string path = library_path();
  if (access(path.c_str(), R_OK) != 0) throw DeviceError("there is no CUDA backend: no file " + path);
  // Never unloaded: sets and the driver's threads may outlive any environment.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) throw DeviceError("the CUDA backend does not load: " + std::string(dlerror()));
  const auto entry = reinterpret_cast<NearvoteDeviceApiEntry>(dlsym(library, NEARVOTE_DEVICE_API_ENTRY));
  NearvoteDeviceApi api{};
  api.size = sizeof api;
  if (entry == nullptr || entry(NEARVOTE_DEVICE_ABI, &api) != NEARVOTE_OK)
    throw DeviceError("the CUDA backend " + path + " is of another version of nearvote");
  return api;
}
#else
NearvoteDeviceApi open_library() { throw DeviceError("the CUDA backend exists for Linux only"); }
#endif

const NearvoteDeviceApi& backend() {
  static std::mutex mutex;
  static NearvoteDeviceApi api{};
  const std::lock_guard lock(mutex);
  if (api.abi == 0) api = open_library();
  return api;
}

// cudaStatus() -> { available: false, reason } or { available: true, backend, name, capability, multiprocessors,
// driver, memoryTotal, memoryFree }
Napi::Value cuda_status(const Napi::CallbackInfo& info) {
  auto result = Napi::Object::New(info.Env());
  try {
    const NearvoteDeviceApi& api = cuda_device().api();
    NearvoteDeviceInfo device{};
    device.size = sizeof device;
    NearvoteText error = no_error();
    if (api.device_info(0, &device, &error) != NEARVOTE_OK) throw DeviceError(error.text);
    result.Set("available", true);
    result.Set("backend", api.backend);
    result.Set("name", device.name);
    result.Set("capability", device.capability);
    result.Set("multiprocessors", device.multiprocessors);
    result.Set("driver", device.driver);
    result.Set("memoryTotal", static_cast<double>(device.memory_total));
    result.Set("memoryFree", static_cast<double>(device.memory_free));
  } catch (const DeviceError& error) {
    result.Set("available", false);
    result.Set("reason", error.what());
  }
  return result;
}

}  // namespace

const Device& cuda_device() {
  const NearvoteDeviceApi& api = backend();
  int32_t count = 0;
  NearvoteText error = no_error();
  if (api.device_count(&count, &error) != NEARVOTE_OK) throw DeviceError(error.text);
  static const Device device(api, 0);
  return device;
}

const Device* device_arg(const Napi::CallbackInfo& info, size_t index) {
  if (!bool_arg(info, index)) return nullptr;
  try {
    return &cuda_device();
  } catch (const DeviceError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

void register_cuda(Napi::Env env, Napi::Object exports) {
  exports.Set("cudaStatus", Napi::Function::New(env, cuda_status));
}

}  // namespace nearvote::node

// The CUDA backend: a library beside the addon, nearvote-cuda.so, opened by path on first use; without it, a driver or
// a device the rest of the addon works as ever. NEARVOTE_CUDA_LIBRARY names another file, for tests and support.
#pragma once

#include "core/neighbors/device.h"
#include "node/napi_setup.h"

namespace nearvote::node {

// The first device. Throws DeviceError saying why there is none.
const Device& cuda_device();

// A call's device argument: true -> the CUDA device, false -> null, this CPU. Throws Napi::Error where there is none.
const Device* device_arg(const Napi::CallbackInfo& info, size_t index);

}  // namespace nearvote::node

// Core exceptions as JavaScript errors.
#pragma once

#include <exception>

#include "node/napi_setup.h"

namespace nearvote::node {

Napi::Error to_js_error(Napi::Env env, std::exception_ptr error);

}  // namespace nearvote::node

#include "node/errors.h"

#include <new>

#include "core/base/error.h"

namespace nearvote::node {

Napi::Error to_js_error(Napi::Env env, std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& js) {
    return js;
  } catch (const Cancelled& cancelled) {
    Napi::Error js = Napi::Error::New(env, cancelled.what());
    js.Set("code", Napi::String::New(env, "ABORT_ERR"));
    return js;
  } catch (const InvalidArgument& invalid) {
    return Napi::RangeError::New(env, invalid.what());
  } catch (const std::bad_alloc&) {
    return Napi::Error::New(env, "Not enough memory for this call");
  } catch (const std::exception& other) {
    return Napi::Error::New(env, other.what());
  }
}

}  // namespace nearvote::node

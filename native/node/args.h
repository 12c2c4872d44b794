// Reading call arguments. The facade has checked meaning; what is checked here again is only what could corrupt memory:
// the element type and the length of every typed array. byteOffset is honoured (TypedArray data, never ArrayBuffer
// data).
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "core/base/matrix.h"
#include "node/napi_setup.h"

namespace nearvote::node {

template <class T>
constexpr napi_typedarray_type typed_array_type() {
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, double>) return napi_float64_array;
  if constexpr (std::is_same_v<T, int8_t>) return napi_int8_array;
  if constexpr (std::is_same_v<T, uint8_t>) return napi_uint8_array;
  if constexpr (std::is_same_v<T, int32_t>) return napi_int32_array;
  if constexpr (std::is_same_v<T, int64_t>) return napi_bigint64_array;
}

// Pointer to a typed array of exactly `length` elements; length < 0 takes any length.
template <class T>
T* array_arg(const Napi::CallbackInfo& info, size_t index, int64_t length) {
  const Napi::Value value = info[index];
  if (value.IsTypedArray()) {
    auto array = value.As<Napi::TypedArray>();
    if (array.TypedArrayType() == typed_array_type<T>() &&
        (length < 0 || static_cast<int64_t>(array.ElementLength()) == length)) {
      return value.As<Napi::TypedArrayOf<T>>().Data();
    }
  }
  throw Napi::TypeError::New(info.Env(), "Expected a typed array of " + std::to_string(length) +
                                             " elements for argument " + std::to_string(index));
}

inline int64_t array_length(const Napi::CallbackInfo& info, size_t index) {
  return info[index].IsTypedArray() ? static_cast<int64_t>(info[index].As<Napi::TypedArray>().ElementLength()) : 0;
}

inline int64_t int_arg(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) {
    throw Napi::TypeError::New(info.Env(), "Expected a number for argument " + std::to_string(index));
  }
  return info[index].As<Napi::Number>().Int64Value();
}

inline double double_arg(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber()) {
    throw Napi::TypeError::New(info.Env(), "Expected a number for argument " + std::to_string(index));
  }
  return info[index].As<Napi::Number>().DoubleValue();
}

inline bool bool_arg(const Napi::CallbackInfo& info, size_t index) { return info[index].ToBoolean().Value(); }

// A matrix takes three arguments: data, rows, cols.
template <class T>
Matrix<T> matrix_arg(const Napi::CallbackInfo& info, size_t index) {
  const int64_t rows = int_arg(info, index + 1), cols = int_arg(info, index + 2);
  if (rows < 0 || cols < 0) throw Napi::RangeError::New(info.Env(), "Expected a non-negative matrix shape");
  return {array_arg<std::remove_const_t<T>>(info, index, rows * cols), rows, cols};
}

}  // namespace nearvote::node

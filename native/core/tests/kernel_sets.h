// Tests on one set of kernels or on every one this machine can run.
#pragma once

#include <string>

#include "core/simd/dispatch.h"

namespace nearvote::reference {

// While it lives, embedding sets are made for these kernels.
class UseKernels {
 public:
  explicit UseKernels(const simd::Kernels& kernels) { simd::use_kernels(&kernels); }
  ~UseKernels() { simd::use_kernels(nullptr); }
  UseKernels(const UseKernels&) = delete;
  UseKernels& operator=(const UseKernels&) = delete;
};

template <class Body>
void on_every_isa(Body&& body) {
  for (const std::string& isa : usable_isas()) {
    const UseKernels use(*simd::find_kernels(isa));
    body();
  }
}

// Those whose filter rounds its operands.
template <class Body>
void on_every_rounding_isa(Body&& body) {
  for (const std::string& isa : usable_isas()) {
    const simd::Kernels& kernels = *simd::find_kernels(isa);
    if (kernels.precision == simd::Precision::f32) continue;
    const UseKernels use(kernels);
    body();
  }
}

}  // namespace nearvote::reference

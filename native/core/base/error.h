// The two ways a core call can fail besides std::bad_alloc. Messages are complete sentences fragments in the
// project's one shape: "Expected <what> for <parameter> but received <value>".
#pragma once

#include <stdexcept>
#include <string>

namespace nearvote {

class InvalidArgument : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Thrown by JobControl::check() once cancellation was asked for.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("The operation was cancelled") {}
};

inline InvalidArgument expected(const std::string& what, const std::string& parameter, const std::string& received) {
  return InvalidArgument("Expected " + what + " for " + parameter + " but received " + received);
}

}  // namespace nearvote

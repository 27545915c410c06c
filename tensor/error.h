#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace chainline {

/// The root of every error that the library throws on purpose. The sentence has one form,
/// `op: argument: expected X, got Y[; advice]`, and tests pin its text.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes, sizes or ranks that do not fit.
class ShapeError : public Error {
  using Error::Error;
};
/// Element types that do not fit.
class DTypeError : public Error {
  using Error::Error;
};
/// Operands on different devices, or a kernel that a device lacks.
class DeviceError : public Error {
  using Error::Error;
};
/// An index or a number outside of its range.
class ValueError : public Error {
  using Error::Error;
};
/// A gradient that cannot be computed as asked: freed or overwritten values, unreached inputs.
class AutogradError : public Error {
  using Error::Error;
};
/// A file or its content that is not what it should be; also a write that failed.
class FileError : public Error {
  using Error::Error;
};

/// Throws E with the concatenated parts when the condition does not hold. The sentence is built
/// only then.
template <class E, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (condition) [[likely]]
    return;
  std::ostringstream sentence;
  (sentence << ... << parts);
  throw E(sentence.str());
}

}  // namespace chainline

#pragma once

#include <string>

namespace chainline::cuda::vendor {

/// A shared library of others, opened when it is first needed: what a machine doesn't have keeps no
/// program from starting. It stays open for ever.
class Library {
 public:
  /// Looks where the dynamic linker looks for `soname`, then for the file that the build was made
  /// with.
  Library(const char* soname, const char* built_with);

  /// What the dynamic linker said when it found none; empty when it did.
  const std::string& obstacle() const { return obstacle_; }

  /// The address of a function, whatever its type is; null where the library has none.
  struct Symbol {
    void* address;
    template <class Function>
    operator Function*() const {  // NOLINT(google-explicit-constructor)
      return reinterpret_cast<Function*>(address);
    }
  };
  /// A function that is missing is an obstacle: the library is of another release.
  Symbol symbol(const char* name);

 private:
  void* library_ = nullptr;
  std::string obstacle_;
};

}  // namespace chainline::cuda::vendor

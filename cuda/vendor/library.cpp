#include "cuda/vendor/library.h"

#include <dlfcn.h>

namespace chainline::cuda::vendor {

Library::Library(const char* soname, const char* built_with) {
  library_ = ::dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (library_ != nullptr) return;
  obstacle_ = ::dlerror();
  library_ = ::dlopen(built_with, RTLD_NOW | RTLD_LOCAL);
  if (library_ != nullptr) obstacle_.clear();
}

Library::Symbol Library::symbol(const char* name) {
  if (library_ == nullptr) return {nullptr};
  void* const address = ::dlsym(library_, name);
  if (address == nullptr && obstacle_.empty()) obstacle_ = ::dlerror();
  return {address};
}

}  // namespace chainline::cuda::vendor

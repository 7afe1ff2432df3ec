#include "aws/late_library.hpp"

#include <dlfcn.h>

#include <utility>

namespace sluice::aws {

// NOW: what does not fit is told here, not in the middle of a call. LOCAL: nobody else meets its names.
LateLibrary::LateLibrary(std::string file, std::string package)
    : file_(std::move(file)),
      package_(std::move(package)),
      handle_(::dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ != nullptr) return;
  const char* why = ::dlerror();
  trouble_ = file_ + " cannot be loaded: install the package " + package_ + " (" +
             (why != nullptr ? why : "no reason given") + ")";
}

void* LateLibrary::address_of(const char* name) {
  if (!trouble_.empty()) return nullptr;
  void* found = ::dlsym(handle_, name);
  if (found == nullptr)
    trouble_ =
        file_ + " has no " + name + ": it is too old, or another library; upgrade the package " + package_;
  return found;
}

}  // namespace sluice::aws

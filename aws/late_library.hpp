// A library of the system that is loaded when it is first needed instead of at the program's start: what it
// brings along is megabytes of a gateway that may never call it. Never unloaded: libraries leave threads,
// exit handlers and thread-local storage behind. Used by the tables of functions of libcurl and tpm2-tss.
#pragma once

#include <string>

namespace sluice::aws {

class LateLibrary {
 public:
  // `file`: as for dlopen. `package`: Debian's, for the words. A second load costs a look-up.
  LateLibrary(std::string file, std::string package);

  // Null, and trouble() from then on, if the library is not there or has no such function.
  template <typename Function>
  void find(const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(address_of(name));
  }

  // What is missing, why, and what to install; empty: all was found.
  const std::string& trouble() const { return trouble_; }

 private:
  void* address_of(const char* name);

  const std::string file_, package_;
  void* handle_ = nullptr;
  std::string trouble_;  // the first
};

}  // namespace sluice::aws

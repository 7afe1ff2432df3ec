// The deleter of a std::unique_ptr to what a C library made and one of its functions frees:
// std::unique_ptr<X509, Freed<X509_free>>.
#pragma once

namespace sluice {

template <auto free>
struct Freed {
  template <typename T>
  void operator()(T* held) const {
    free(held);
  }
};

}  // namespace sluice

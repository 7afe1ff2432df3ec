// Certificate, key and rules of one TLS listener, as loaded from its files at one moment. A listener replaces
// its context when the files change; sessions that run keep the one that they began with. Loop thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/options.hpp"

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;

namespace sluice::device {

class TlsContext {
 public:
  // Errors name the file, its owner and what to do. An expired certificate loads: trouble() tells.
  static result<std::shared_ptr<const TlsContext>> load(const ListenerOptions& options, const Clock& clock);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Times of certificates are judged by the clock, and not at all while it is not plausible: a gateway
  // without a clock still serves its devices. Null when out of memory.
  SSL* new_session(const Clock& clock) const;
  // A file was written, replaced or removed since load().
  bool files_changed() const;
  const std::string& trouble() const { return trouble_; }
  // The server certificate's end, seconds since 1970.
  std::int64_t not_after() const { return not_after_; }

 private:
  struct Seen {
    std::filesystem::path path;
    std::string stamp;
  };
  TlsContext() = default;
  result<void> load_own(const TlsFiles& files);
  result<void> load_clients(const ListenerOptions& options);
  void judge_time(const ListenerOptions& options, const Clock& clock);

  SSL_CTX* context_ = nullptr;
  std::vector<Seen> seen_;
  std::string trouble_;
  std::int64_t not_before_ = 0, not_after_ = 0;
};

}  // namespace sluice::device

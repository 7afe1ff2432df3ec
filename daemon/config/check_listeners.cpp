#include "config/reader.hpp"

namespace sluice::config {
namespace {

using Kind = ListenerOptions::Kind;
using ClientCertificate = ListenerOptions::ClientCertificate;

constexpr std::size_t kMaxListeners = 64;

bool encrypted(const ListenerOptions& listener) {
  return listener.kind == Kind::mqtts || listener.kind == Kind::wss;
}

bool any_address(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

// The second could not bind while the first is there.
bool collide(const ListenerOptions& a, const ListenerOptions& b) {
  if ((a.kind == Kind::unix_socket) != (b.kind == Kind::unix_socket)) return false;
  if (a.kind == Kind::unix_socket) return a.address == b.address;
  const bool same_family =
      (a.address.find(':') == std::string::npos) == (b.address.find(':') == std::string::npos);
  return a.port == b.port &&
         (a.address == b.address || (same_family && (any_address(a.address) || any_address(b.address))));
}

void check_tls(const ListenerOptions& listener, const std::string& key, Findings& findings) {
  const auto& tls = listener.tls;
  if (!encrypted(listener)) {
    if (!tls.certificate.empty() || !tls.key.empty() || !tls.ca.empty() ||
        listener.client_certificate != ClientCertificate::none) {
      findings.problem(key + ".url", "has TLS keys but is not encrypted; write mqtts:// or wss://");
    }
    if (!on_loopback(listener) && !listener.anonymous) {
      findings.warning(key + ".url",
                       "tokens and readings cross the network unencrypted; mqtts:// protects them");
    }
    return;
  }
  if (tls.certificate.empty())
    findings.problem(key + ".tls.certificate", "is missing; mqtts and wss need one");
  if (tls.key.empty()) findings.problem(key + ".tls.key", "is missing; mqtts and wss need one");
  if (listener.client_certificate != ClientCertificate::none && tls.ca.empty()) {
    findings.problem(key + ".tls.ca", "is missing; client certificates are checked against it");
  }
}

void check_anonymous(const Options& options, const ListenerOptions& listener, const std::string& key,
                     Findings& findings) {
  if (!listener.anonymous) return;
  if (!on_loopback(listener)) {
    findings.problem(key + ".anonymous", "found 'true' on " + listener.text +
                                             ", allowed: on loopback addresses and Unix sockets only");
  }
  if (options.anonymous_product.empty()) {
    findings.problem(key + ".anonymous", "needs devices.anonymous_product: what such clients are and may do");
  }
}

}  // namespace

void check_listeners(Options& options, Findings& findings) {
  auto& listen = options.listen;
  if (listen.empty() && findings.has("listen"))
    findings.problem("listen", "found none, allowed: at least one listener");
  if (listen.size() > kMaxListeners) {
    findings.problem("listen", "found " + std::to_string(listen.size()) + ", allowed: at most " +
                                   std::to_string(kMaxListeners));
    return;
  }
  for (std::size_t i = 0; i < listen.size(); ++i) {
    const auto key = "listen[" + std::to_string(i) + "]";
    if (!findings.has(key + ".url") || listen[i].text.empty()) {
      if (findings.has(key + ".url")) findings.problem(key + ".url", "is empty");
      continue;
    }
    if (const auto wrong = read_listener_url(listen[i].text, listen[i]); !wrong.empty()) {
      findings.problem(key + ".url", "found '" + listen[i].text.substr(0, 120) + "', allowed: " + wrong);
      listen[i].address.clear();
      continue;
    }
    check_tls(listen[i], key, findings);
    check_anonymous(options, listen[i], key, findings);
    for (std::size_t j = 0; j < i; ++j) {
      if (!listen[j].address.empty() && collide(listen[i], listen[j])) {
        findings.problem(key + ".url",
                         "takes the address of listen[" + std::to_string(j) + "] (" + listen[j].text + ")");
        break;
      }
    }
  }
}

}  // namespace sluice::config

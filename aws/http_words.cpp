#include "aws/http_words.hpp"

namespace sluice::aws {
namespace {

struct Meaning {
  Error::Kind kind;
  std::string_view words;
};

Meaning meaning_of(CURLcode code) {
  using enum Error::Kind;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {network, "the name cannot be resolved; check it, DNS, and the network"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {network, "the proxy's name cannot be resolved; check HTTPS_PROXY and ALL_PROXY"};
    case CURLE_COULDNT_CONNECT:
      return {network, "no TCP connection; check address, port, firewall and proxy"};
    case CURLE_PROXY:
      return {network, "the proxy refused the connection; check HTTPS_PROXY and ALL_PROXY"};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return {network, "the connection broke"};
    case CURLE_GOT_NOTHING:
      return {network, "the connection was closed without an answer"};
    case CURLE_PARTIAL_FILE:
      return {network, "the connection was closed in the middle of the answer"};
    case CURLE_OPERATION_TIMEDOUT:
      return {timeout, "no answer in time"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {tls,
              "its certificate is not trusted here; check the roots (CA), the host name and this machine's "
              "clock"};
    case CURLE_SSL_CONNECT_ERROR:
      return {tls, "the TLS handshake failed; if it asks for a client certificate, check ours"};
    case CURLE_SSL_CERTPROBLEM:
      return {tls, "our own certificate or key cannot be used; check that they belong together"};
    case CURLE_SSL_CACERT_BADFILE:
      return {tls, "the roots (CA) cannot be read; check that they are PEM"};
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {tls, "TLS trouble"};
    case CURLE_URL_MALFORMAT:
      return {invalid, "this is no https URL"};
    case CURLE_UNSUPPORTED_PROTOCOL:  // the URL was looked at before: what comes back is older than HTTP/1.0
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
      return {protocol, "the answer is no HTTP"};
    case CURLE_OUT_OF_MEMORY:
      return {unavailable, "this machine is out of memory"};
    default:
      return {network, "the call failed"};
  }
}

// libcurl repeats the URL in its texts of these only.
bool may_tell_the_url(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_HTTP_RETURNED_ERROR;
}

}  // namespace

Error http_error(const CurlLibrary& curl, CURLcode code, std::string_view method, std::string_view origin,
                 std::string_view detail) {
  const auto [kind, words] = meaning_of(code);
  Error error;
  error.kind = kind;
  error.text.append(method).append(" ").append(origin).append(": ").append(words);
  const std::string_view known = curl.easy_strerror(code);
  error.text.append(" (").append(detail.empty() || may_tell_the_url(code) ? known : detail).append(")");
  return error;
}

}  // namespace sluice::aws

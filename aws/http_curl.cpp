#include <algorithm>
#include <array>
#include <utility>

#include "aws/http.hpp"
#include "aws/http_answer.hpp"
#include "aws/http_handles.hpp"
#include "aws/http_sigpipe.hpp"
#include "aws/http_words.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

class List {
 public:
  explicit List(const CurlLibrary& curl) : curl_(curl), lines_(nullptr, curl.slist_free_all) {}
  void append(const std::string& line) {
    if (auto* grown = curl_.slist_append(lines_.get(), line.c_str())) {
      lines_.release();  // NOLINT(bugprone-unused-return-value): the grown list owns it
      lines_.reset(grown);
    }
  }
  curl_slist* get() const { return lines_.get(); }

 private:
  const CurlLibrary& curl_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> lines_;
};

// One handle in use.
struct Call {
  const CurlLibrary& curl;
  CURL* handle;
  template <typename Value>
  void set(CURLoption option, Value value) const {
    curl.easy_setopt(handle, option, value);
  }
};

std::size_t on_header(const char* data, std::size_t size, std::size_t count, void* answer) {
  const auto bytes = size * count;
  return static_cast<HttpAnswer*>(answer)->take_header_line({data, bytes}) ? bytes : 0;
}

std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* answer) {
  const auto bytes = size * count;
  return static_cast<HttpAnswer*>(answer)->take_body({data, bytes}) ? bytes : 0;
}

int on_progress(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(cancelled)->load() ? 1 : 0;
}

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

bool names_equal(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? x | 0x20 : x) == (y >= 'A' && y <= 'Z' ? y | 0x20 : y);
  });
}

// A copy is not needed: the text outlives the call, and private keys should not multiply in memory.
curl_blob blob_of(const std::string& text) {
  return {const_cast<char*>(text.data()), text.size(),
          CURL_BLOB_NOCOPY};  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

class CurlHttp : public Http {
 public:
  explicit CurlHttp(HttpOptions options)
      : options_(std::move(options)),
        handles_(options_.curl_file.empty() ? std::string(kCurlFile) : options_.curl_file) {}

  result<HttpResponse> send(const HttpRequest& request) override {
    const auto url = split_url(request.url);
    if (auto problem = problem_of(request, url)) return *std::move(problem);
    const auto origin = std::string(url->scheme) + "://" + std::string(url->authority);
    const auto curl = handles_.library();
    if (!curl) {
      auto error = curl.error();
      error.text = request.method + " " + origin + ": " + error.text;
      return error;
    }
    const NoSigpipe guard;
    Handle handle = handles_.take(**curl);
    if (!handle) return http_error(**curl, CURLE_OUT_OF_MEMORY, request.method, origin, "");
    auto outcome = exchange({**curl, handle.get()}, request, *url, origin);
    handles_.give_back(**curl, std::move(handle));
    return outcome;
  }

 private:
  static std::optional<Error> problem_of(const HttpRequest& request, const std::optional<Url>& url) {
    const auto invalid = [&request](std::string_view words) {
      return invalid_argument(request.method + ": " + std::string(words));
    };
    if (!url) return invalid("this is no https URL");
    if (url->scheme != "https" && !(url->scheme == "http" && is_loopback(url->host))) {
      return invalid("the URL of " + std::string(url->host) +
                     " must begin with https://; http:// is for this machine only");
    }
    if (!is_one_line(request.method)) return invalid("a method must be one word");
    for (const auto& [name, value] : request.headers) {
      if (name.empty() || !is_one_line(name) || !is_one_line(value)) {
        return invalid("a header for " + std::string(url->host) + " has a line break or no name");
      }
    }
    return std::nullopt;
  }

  result<HttpResponse> exchange(const Call& call, const HttpRequest& request, const Url& url,
                                const std::string& origin) {
    HttpAnswer answer(options_.most_response);
    std::array<char, CURL_ERROR_SIZE> detail{};
    const List headers = header_lines(call.curl, request);
    List connect_to(call.curl);
    for (const auto& line : options_.connect_to) connect_to.append(line);
    call.set(CURLOPT_ERRORBUFFER, detail.data());
    call.set(CURLOPT_URL, request.url.c_str());
    call.set(CURLOPT_HTTPHEADER, headers.get());
    call.set(CURLOPT_HEADERFUNCTION, on_header);
    call.set(CURLOPT_HEADERDATA, &answer);
    call.set(CURLOPT_WRITEFUNCTION, on_body);
    call.set(CURLOPT_WRITEDATA, &answer);
    set_method(call, request);
    set_manners(call, request);
    if (connect_to.get() != nullptr) call.set(CURLOPT_CONNECT_TO, connect_to.get());
    set_trust(call);
    // What is on this machine is asked directly, whatever the environment says of proxies.
    if (is_loopback(url.host)) call.set(CURLOPT_PROXY, "");
    const auto code = call.curl.easy_perform(call.handle);
    if (answer.is_too_big()) {
      return Error{Error::Kind::protocol,
                   0,
                   {},
                   request.method + " " + origin + ": the answer is larger than " +
                       std::to_string(options_.most_response) + " bytes, or its headers are too many",
                   {}};
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
      return Error{Error::Kind::network, 0, {}, request.method + " " + origin + ": cancelled", {}};
    }
    if (code != CURLE_OK) return http_error(call.curl, code, request.method, origin, detail.data());
    long status = 0;
    call.curl.easy_getinfo(call.handle, CURLINFO_RESPONSE_CODE, &status);
    answer.response.status = static_cast<unsigned>(status);
    return std::move(answer.response);
  }

  static List header_lines(const CurlLibrary& curl, const HttpRequest& request) {
    List lines(curl);
    bool has_type = false;
    for (const auto& [name, value] : request.headers) {
      if (names_equal(name, "content-length")) continue;  // libcurl counts
      has_type = has_type || names_equal(name, "content-type");
      std::string line = name;
      if (value.empty()) {
        line += ';';  // libcurl's spelling of a header with no value
      } else {
        line.append(": ").append(value);
      }
      lines.append(line);
    }
    lines.append("Expect:");  // no 100-continue: it costs a round trip, and some servers never answer it
    if (!has_type) lines.append("Content-Type:");
    return lines;
  }

  static void set_method(const Call& call, const HttpRequest& request) {
    if (request.method == "HEAD") {
      call.set(CURLOPT_NOBODY, 1L);
      return;
    }
    const bool carries_body = !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
                              request.method == "PATCH";
    if (carries_body) {
      call.set(CURLOPT_POSTFIELDS, request.body.data());
      call.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    call.set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  void set_manners(const Call& call, const HttpRequest& request) const {
    call.set(CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    call.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    call.set(CURLOPT_NOSIGNAL, 1L);
    call.set(CURLOPT_PATH_AS_IS, 1L);  // the signature covers the path as it is
    call.set(CURLOPT_FOLLOWLOCATION, 0L);
    call.set(CURLOPT_PROTOCOLS_STR, "http,https");
    call.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    call.set(CURLOPT_TCP_KEEPALIVE, 1L);
    call.set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(request.timeout.count(), 1)));
    call.set(CURLOPT_CONNECTTIMEOUT_MS,
             static_cast<long>(std::max<std::int64_t>(options_.connect_timeout.count(), 1)));
    if (options_.cancelled != nullptr) {
      call.set(CURLOPT_NOPROGRESS, 0L);
      call.set(CURLOPT_XFERINFOFUNCTION, on_progress);
      // libcurl hands the pointer back as void*; on_progress makes it const again.
      call.set(CURLOPT_XFERINFODATA,
               const_cast<std::atomic<bool>*>(options_.cancelled));  // NOLINT
    }
  }

  void set_trust(const Call& call) const {
    call.set(CURLOPT_SSL_VERIFYPEER, 1L);
    call.set(CURLOPT_SSL_VERIFYHOST, 2L);
    call.set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_pem.empty()) {
      auto roots = blob_of(options_.ca_pem);
      call.set(CURLOPT_CAINFO_BLOB, &roots);
      call.set(CURLOPT_CAPATH,
               nullptr);  // these roots instead of the system's, not beside them
    }
    if (!options_.certificate_pem.empty()) {
      auto certificate = blob_of(options_.certificate_pem);
      auto key = blob_of(options_.key_pem);
      call.set(CURLOPT_SSLCERTTYPE, "PEM");
      call.set(CURLOPT_SSLCERT_BLOB, &certificate);
      call.set(CURLOPT_SSLKEYTYPE, "PEM");
      call.set(CURLOPT_SSLKEY_BLOB, &key);
    }
  }

  const HttpOptions options_;
  HttpHandles handles_;
};

}  // namespace

std::unique_ptr<Http> make_http(HttpOptions options) {
  return std::make_unique<CurlHttp>(std::move(options));
}

}  // namespace sluice::aws

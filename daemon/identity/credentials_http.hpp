// A small HTTP/1.1 server on loopback for one kind of question: GET with an Authorization header, answered
// with JSON. Bounded in connections, header size and time. Used by the credentials room; knows nothing of
// credentials itself.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::identity {

inline constexpr std::size_t kMostCredentialsConnections = 32;
inline constexpr std::uint32_t kMostCredentialsHeader = 8 * 1024;  // bytes, request line and headers
inline constexpr Duration kCredentialsReadTime = 10s;    // for a whole request, from the first wait on
inline constexpr Duration kCredentialsAnswerTime = 60s;  // for the answer, and for the client to take it

struct LoopbackRequest {
  std::string path;           // without a query
  std::string authorization;  // as it came; empty: none
};
struct LoopbackAnswer {
  unsigned status = 200;
  std::string body;            // JSON
  unsigned retry_after_s = 0;  // 0: none
  bool keep_alive = true;
};

class LoopbackHttp {
 public:
  using Answer = std::function<void(LoopbackAnswer)>;  // once, now or later, on the loop
  using Handler = std::function<void(const LoopbackRequest&, Answer)>;

  virtual ~LoopbackHttp() = default;  // closes every connection
  virtual std::uint16_t port() const = 0;
  // Connections that were turned away because there were too many.
  virtual std::uint64_t turned_away() const = 0;
};

// `listen`: "127.0.0.1:9911", "[::1]:9911", "localhost:9911"; port 0: the kernel chooses. Errors:
// invalid_argument (not loopback, no port), io. Only GET is handed to the handler; a Host that is not
// loopback is refused, so that no page in a browser gets here by a name of its own.
result<std::unique_ptr<LoopbackHttp>> listen_on_loopback(boost::asio::io_context& loop, Clock& clock,
                                                         const std::string& listen,
                                                         LoopbackHttp::Handler handler);

}  // namespace sluice::identity

// HTTP(S) of clients of the local cloud in a test's house: raw exchanges on the house's loop, requests signed
// with the operator's keys, and AWS's JSON.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "aws/sigv4.hpp"
#include "tests/unit/cloud/cloud_house.hpp"

namespace sluice::cloud::test {

struct HttpReply {
  unsigned status = 0;                         // 0: the connection ended without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  std::string error() const;  // "404 ResourceNotFoundException"; "none" for success
};

// One request on a connection of its own. Starts at once; ends while the loop runs.
class HttpExchange {
 public:
  // TLS if the URL says https; `identity` is a client certificate's context or null.
  HttpExchange(House& house, std::uint16_t port, const aws::HttpRequest& request,
               std::shared_ptr<boost::asio::ssl::context> identity = {},
               const std::string& address = "127.0.0.1");
  ~HttpExchange();
  bool done() const { return done_; }
  HttpReply reply() const;

 private:
  void begin(boost::system::error_code ec);
  void write();
  void read();
  template <typename Fn>
  void with_stream(Fn fn);

  House& house_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  bool tls_, done_ = false;
  std::string out_, in_;
  char buffer_[4096];
};

HttpReply http(House& house, std::uint16_t port, const std::string& method, const std::string& target,
               const std::string& body = {}, const aws::Headers& headers = {});

// Signed with admin-credentials, or with the given keys.
aws::HttpRequest signed_request(House& house, const std::string& method, const std::string& target,
                                const std::string& body = {}, aws::Headers headers = {},
                                std::optional<aws::Credentials> keys = {},
                                const std::string& region = "eu-central-1");
HttpReply control(House& house, const std::string& method, const std::string& target,
                  const nlohmann::json& body = nullptr, const aws::Headers& headers = {});
aws::Credentials admin_keys(House& house);

}  // namespace sluice::cloud::test

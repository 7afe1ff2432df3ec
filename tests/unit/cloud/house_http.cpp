#include "tests/unit/cloud/house_http.hpp"

#include <gtest/gtest.h>

#include <boost/asio/write.hpp>
#include <sstream>

#include "aws/url.hpp"
#include "cloud/local/files.hpp"

namespace sluice::cloud::test {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

std::shared_ptr<asio::ssl::context> plain_context(House& house) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  context->load_verify_file(house.scratch.path() / "cloud" / "ca.pem");
  context->set_verify_mode(asio::ssl::verify_peer);
  return context;
}

}  // namespace

std::string HttpReply::error() const {
  if (status == 200) return "none";
  const auto it = headers.find("x-amzn-errortype");
  return std::to_string(status) + (it == headers.end() ? "" : " " + it->second);
}

HttpExchange::HttpExchange(House& house, std::uint16_t port, const aws::HttpRequest& request,
                           std::shared_ptr<asio::ssl::context> identity, const std::string& address)
    : house_(house),
      context_(identity ? std::move(identity) : plain_context(house)),
      stream_(house.loop, *context_),
      tls_(request.url.starts_with("https:")) {
  const auto url = aws::split_url(request.url);
  out_ = request.method + " " + std::string(url->path) + (url->query.empty() ? "" : "?") +
         std::string(url->query) +
         " HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n";
  bool host = false;
  for (const auto& [name, value] : request.headers) {
    out_.append(name).append(": ").append(value).append("\r\n");
    host = host || name == "host" || name == "Host";
  }
  if (!host) out_ += "Host: " + std::string(url->authority) + "\r\n";
  out_ += "\r\n" + request.body;
  stream_.next_layer().async_connect({asio::ip::make_address(address), port},
                                     [this](error_code ec) { begin(ec); });
}

HttpExchange::~HttpExchange() {
  error_code ignored;
  stream_.next_layer().close(ignored);
  house_.loop.poll();  // handlers hold a bare pointer: let them end
}

template <typename Fn>
void HttpExchange::with_stream(Fn fn) {
  if (tls_) {
    fn(stream_);
  } else {
    fn(stream_.next_layer());
  }
}

void HttpExchange::begin(error_code ec) {
  if (ec) {
    done_ = true;
  } else if (tls_) {
    stream_.async_handshake(asio::ssl::stream_base::client, [this](error_code failed) {
      done_ = failed.failed();
      if (!done_) write();
    });
  } else {
    write();
  }
}

void HttpExchange::write() {
  with_stream([this](auto& stream) {
    asio::async_write(stream, asio::buffer(out_), [this](error_code ec, std::size_t) {
      done_ = ec.failed();
      if (!done_) read();
    });
  });
}

void HttpExchange::read() {
  with_stream([this](auto& stream) {
    stream.async_read_some(asio::buffer(buffer_), [this](error_code ec, std::size_t n) {
      if (ec == asio::error::operation_aborted) return;
      in_.append(buffer_, n);
      done_ = ec.failed();
      if (!done_) read();
    });
  });
}

HttpReply HttpExchange::reply() const {
  HttpReply reply;
  std::istringstream in(in_);
  std::string line, version;
  in >> version >> reply.status;
  std::getline(in, line);
  while (std::getline(in, line) && line != "\r") {
    const auto colon = line.find(": ");
    std::string name = line.substr(0, colon);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (colon != std::string::npos) reply.headers[name] = line.substr(colon + 2, line.size() - colon - 3);
  }
  const auto head = in_.find("\r\n\r\n");
  if (head != std::string::npos) reply.body = in_.substr(head + 4);
  return reply;
}

HttpReply http(House& house, std::uint16_t port, const std::string& method, const std::string& target,
               const std::string& body, const aws::Headers& headers) {
  HttpExchange exchange(house, port, {method, "https://127.0.0.1" + target, headers, body});
  EXPECT_TRUE(house.until([&] { return exchange.done(); })) << method << " " << target << ": no answer";
  return exchange.reply();
}

aws::Credentials admin_keys(House& house) {
  std::istringstream in(*read_file(house.scratch.path() / "cloud" / "admin-credentials"));
  aws::Credentials keys;
  for (std::string word; in >> word;) {
    if (word == "aws_access_key_id") in >> word >> keys.access_key_id;
    if (word == "aws_secret_access_key") in >> word >> keys.secret_access_key;
  }
  return keys;
}

aws::HttpRequest signed_request(House& house, const std::string& method, const std::string& target,
                                const std::string& body, aws::Headers headers,
                                std::optional<aws::Credentials> keys, const std::string& region) {
  aws::HttpRequest request{method, "https://127.0.0.1" + target, std::move(headers), body};
  aws::SigningScope scope;
  scope.region = region;
  scope.service = "iot";
  scope.time = std::chrono::floor<std::chrono::seconds>(house.clock.wall());
  aws::sign(request, keys ? *keys : admin_keys(house), scope);
  return request;
}

HttpReply control(House& house, const std::string& method, const std::string& target,
                  const nlohmann::json& body, const aws::Headers& headers) {
  HttpExchange exchange(house, house.cloud->ports().control,
                        signed_request(house, method, target, body.is_null() ? "" : body.dump(), headers));
  EXPECT_TRUE(house.until([&] { return exchange.done(); })) << method << " " << target << ": no answer";
  return exchange.reply();
}

}  // namespace sluice::cloud::test

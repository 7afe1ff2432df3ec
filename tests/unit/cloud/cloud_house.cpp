#include "tests/unit/cloud/cloud_house.hpp"

#include <gtest/gtest.h>

#include <boost/asio/write.hpp>
#include <fstream>
#include <iterator>

#include "cloud/local/devices.hpp"
#include "cloud/local/tokens.hpp"

namespace sluice::cloud::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kTurns = 1000;  // of 10 ms

}  // namespace

Peer::Peer(asio::io_context& loop, std::uint16_t port, asio::ssl::context* tls) : loop_(loop), port_(port) {
  if (tls != nullptr) {
    tls_.emplace(loop, *tls);
  } else {
    plain_.emplace(loop);
  }
}

Peer::~Peer() {
  close();
  loop_.poll();  // handlers hold a bare pointer: let them end
}

template <typename Fn>
void Peer::with_stream(Fn fn) {
  if (tls_) {
    fn(*tls_);
  } else {
    fn(*plain_);
  }
}

void Peer::open() {
  tcp::socket& socket = tls_ ? tls_->next_layer() : *plain_;
  socket.async_connect({asio::ip::address_v4::loopback(), port_}, [this](error_code ec) {
    if (ec) {
      closed_ = true;
      return;
    }
    error_code ignored;
    (tls_ ? tls_->next_layer() : *plain_).set_option(tcp::no_delay(true), ignored);
    const auto done = [this](error_code failed) {
      closed_ = failed.failed();
      ready_ = !closed_;
      if (!ready_) return;
      write();
      read();
    };
    if (tls_) return tls_->async_handshake(asio::ssl::stream_base::client, done);
    done({});
  });
}

void Peer::close() {
  error_code ignored;
  (tls_ ? tls_->next_layer() : *plain_).close(ignored);
}

void Peer::read() {
  with_stream([this](auto& stream) {
    stream.async_read_some(asio::buffer(buffer_), [this](error_code ec, std::size_t n) {
      if (ec == asio::error::operation_aborted) return;
      in_.append(buffer_, n);
      parse();
      if (ec) {
        closed_ = true;
        return;
      }
      read();
    });
  });
}

void Peer::parse() {
  mqtt::FixedHeader header;
  while (mqtt::read_fixed_header(in_, header) == mqtt::HeaderStatus::complete &&
         in_.size() >= header.total()) {
    packets_.push_back(in_.substr(0, header.total()));
    in_.erase(0, header.total());
  }
}

void Peer::send(std::string bytes) {
  out_ += bytes;
  if (ready_) write();
}

void Peer::write() {
  if (writing_ || out_.empty()) return;
  writing_ = true;
  sending_ = std::move(out_);
  out_.clear();
  with_stream([this](auto& stream) {
    asio::async_write(stream, asio::buffer(sending_), [this](error_code ec, std::size_t) {
      if (ec == asio::error::operation_aborted) return;
      writing_ = false;
      if (!ec) write();
    });
  });
}

std::string Peer::take() {
  std::string packet = std::move(packets_.front());
  packets_.pop_front();
  return packet;
}

House::House(std::function<void(CloudOptions&)> change) {
  const auto made = init_directory(scratch.path() / "cloud", {"eu-central-1"}, {}, clock.wall());
  EXPECT_TRUE(made) << made.error().text;
  CloudOptions options;
  options.directory = scratch.path() / "cloud";
  options.listen = "127.0.0.1:0";
  options.insecure_listen = "127.0.0.1:0";
  options.admin = "127.0.0.1:0";
  options.control = options.cvm = options.credentials = "127.0.0.1:0";
  options.quotas.on = false;
  options.log = scratch.path() / "received.ndjson";
  if (change) change(options);
  auto built = make_cloud(loop, clock, options, {});
  EXPECT_TRUE(built) << built.error().text;
  cloud = std::move(*built);
}

House::~House() {
  cloud.reset();
  loop.poll();
}

void House::add_thing(const std::string& name, std::vector<std::string> policies) {
  NewThing thing;
  thing.name = name;
  thing.policies = std::move(policies);
  const auto done = cloud::add_thing(scratch.path() / "cloud", thing, clock.wall());
  ASSERT_TRUE(done) << done.error().text;
}

std::string House::add_device(const std::string& productid, const std::string& product) {
  const auto table = open_devices(scratch.path() / "cloud" / "devices", {});
  const auto token = add_token(*table, {productid, {}, product, {}});
  EXPECT_TRUE(token) << token.error().text;
  return token ? *token : std::string();
}

void House::add_policy(const std::string& name, const std::string& document) {
  std::ofstream(scratch.path() / "cloud" / "policies" / (name + ".json")) << document;
}

std::unique_ptr<Peer> House::tls_peer(const std::string& thing, const std::string& alpn) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  const auto directory = scratch.path() / "cloud";
  context->load_verify_file(directory / "ca.pem");
  context->set_verify_mode(asio::ssl::verify_peer);
  if (!thing.empty()) {
    context->use_certificate_chain_file(directory / "things" / thing / "cert.pem");
    context->use_private_key_file(directory / "things" / thing / "key.pem", asio::ssl::context::pem);
  }
  if (!alpn.empty()) {
    const std::string wire = static_cast<char>(alpn.size()) + alpn;
    SSL_CTX_set_alpn_protos(context->native_handle(), reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  }
  contexts.push_back(context);
  auto peer = std::make_unique<Peer>(loop, cloud->ports().mqtt, context.get());
  peer->open();
  return peer;
}

std::shared_ptr<asio::ssl::context> House::identity(const std::string& chain_pem,
                                                    const std::string& key_pem) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  context->load_verify_file(scratch.path() / "cloud" / "ca.pem");
  context->set_verify_mode(asio::ssl::verify_peer);
  context->use_certificate_chain(asio::buffer(chain_pem));
  context->use_private_key(asio::buffer(key_pem), asio::ssl::context::pem);
  return context;
}

std::unique_ptr<Peer> House::tls_peer_of(const std::string& chain_pem, const std::string& key_pem) {
  contexts.push_back(identity(chain_pem, key_pem));
  auto peer = std::make_unique<Peer>(loop, cloud->ports().mqtt, contexts.back().get());
  peer->open();
  return peer;
}

std::unique_ptr<Peer> House::plain_peer() {
  auto peer = std::make_unique<Peer>(loop, cloud->ports().insecure, nullptr);
  peer->open();
  return peer;
}

std::unique_ptr<Peer> House::client(const std::string& id, mqtt::Version version) {
  auto peer = plain_peer();
  peer->send(bytes_of(connect_packet(id, version)));
  const std::string connack = next_packet(*peer);
  EXPECT_TRUE(connack.size() > 3 && type_of(connack) == mqtt::PacketType::connack && connack[3] == 0)
      << id << " is refused";
  return peer;
}

std::string House::try_connect(const mqtt::Connect& connect) {
  auto peer = plain_peer();
  peer->send(bytes_of(connect));
  return next_packet(*peer);
}

bool House::until(const std::function<bool()>& fact) {
  for (int turn = 0; turn < kTurns; ++turn) {
    loop.poll();
    if (fact()) return true;
    loop.run_one_for(std::chrono::milliseconds(10));
  }
  return fact();
}

void House::settle() {
  int quiet = 0;
  for (int turn = 0; turn < kTurns && quiet < 5; ++turn) {
    quiet = loop.run_one_for(std::chrono::milliseconds(4)) == 0 ? quiet + 1 : 0;
  }
}

void House::pass(Duration time) {
  for (; time > Duration::zero(); time -= std::chrono::milliseconds(250)) {
    clock.advance(std::min<Duration>(time, std::chrono::milliseconds(250)));
    loop.poll();
  }
  settle();
}

std::string House::next_packet(Peer& peer) {
  until([&] { return peer.has_packet() || peer.closed(); });
  return peer.has_packet() ? peer.take() : std::string();
}

std::string House::log_text() const {
  std::ifstream in(scratch.path() / "received.ndjson");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string House::admin(const std::string& method, const std::string& target, const std::string& body) {
  tcp::socket socket(loop);
  std::string request =
      method + " " + target +
      " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  socket.connect({asio::ip::address_v4::loopback(), cloud->admin_port()});
  asio::write(socket, asio::buffer(request));
  std::string answer;
  char buffer[4096];
  bool ended = false;
  std::function<void()> read = [&] {
    socket.async_read_some(asio::buffer(buffer), [&](error_code ec, std::size_t n) {
      answer.append(buffer, n);
      ended = ec.failed();
      if (!ended) read();
    });
  };
  read();
  EXPECT_TRUE(until([&] { return ended; })) << "the admin port did not answer";
  const auto head = answer.find("\r\n\r\n");
  return head == std::string::npos ? answer : answer.substr(head + 4);
}

mqtt::Connect connect_packet(std::string_view id, mqtt::Version version) {
  mqtt::Connect connect;
  connect.client_id = id;
  connect.version = version;
  connect.keep_alive = 60;
  return connect;
}

std::string bytes_of(const mqtt::Connect& connect) {
  std::string bytes;
  mqtt::encode(connect, bytes);
  return bytes;
}

std::string publish_bytes(std::string_view topic, std::string_view payload, std::uint16_t id,
                          mqtt::Version version, std::uint8_t qos, bool retain) {
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = payload;
  publish.packet_id = qos > 0 ? id : std::uint16_t{0};
  publish.qos = qos;
  publish.retain = retain;
  std::string bytes;
  mqtt::encode(publish, version, bytes);
  return bytes;
}

std::string subscribe_bytes(const std::vector<std::string>& filters, mqtt::Version version) {
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 7;
  for (const auto& filter : filters) subscribe.entries.push_back({filter, 1, false, false, 0});
  std::string bytes;
  mqtt::encode(subscribe, version, bytes);
  return bytes;
}

mqtt::PacketType type_of(const std::string& packet) {
  return packet.empty() ? mqtt::PacketType{}
                        : static_cast<mqtt::PacketType>(static_cast<unsigned char>(packet[0]) >> 4);
}

int reason_of(const std::string& packet) {
  const auto byte = [&](std::size_t at) {
    return packet.size() > at ? static_cast<unsigned char>(packet[at]) : 0;
  };
  switch (type_of(packet)) {
    case mqtt::PacketType::puback:
      return byte(4);
    case mqtt::PacketType::connack:
      return byte(3);
    case mqtt::PacketType::disconnect:
      return byte(2);
    default:
      return 0;
  }
}

}  // namespace sluice::cloud::test

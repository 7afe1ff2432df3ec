// An adapter whose MQTT library lives in a thread of its own while the rest of it hangs: it pings, and
// answers no call.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "mqtt/codec.hpp"

namespace {

using namespace sluice::mqtt;

std::string packet_of_subscribe(const std::string& filter) {
  Subscribe subscribe;
  subscribe.packet_id = 1;
  SubscribeEntry entry;
  entry.filter = filter;
  entry.qos = 1;
  subscribe.entries.push_back(entry);
  std::string out;
  encode(subscribe, Version::v5, out);
  return out;
}

int run() {
  std::string text;
  std::array<char, 4096> bytes{};
  for (ssize_t got = 0; (got = ::read(0, bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<std::size_t>(got));
  const auto start = nlohmann::json::parse(text);
  const auto word = [&start](const char* key) { return start.at(key).get<std::string>(); };
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  word("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 75;

  const auto client_id = word("client_id"), username = word("username"), password = word("password");
  Connect connect;
  connect.client_id = client_id;
  connect.username = username;
  connect.password = password;
  connect.keep_alive = 15;
  std::string out;
  encode(connect, out);
  out += packet_of_subscribe(word("inbox") + "/#");
  Publish health;
  health.topic = "$sluice/v1/health";
  health.payload = R"({"state": "ok"})";
  encode(health, Version::v5, out);
  for (;;) {
    if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) return 70;
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, 50) > 0 && ::recv(fd, bytes.data(), bytes.size(), 0) <= 0) return 70;
    out.clear();
    encode_pingreq(out);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--describe") {
    std::puts(R"({"contract": "v1", "kind": "zombie", "schema": {"type": "object"}})");
    return 0;
  }
  return run();
}

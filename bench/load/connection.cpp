#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "load/loop.hpp"
#include "mqtt/codec.hpp"

namespace sluice::load {

Connection::Connection(Loop& loop, const Options& options, unsigned index)
    : loop_(loop),
      options_(options),
      index_(index),
      client_id_(options.client_prefix + std::to_string(index)) {}

Connection::~Connection() {
  if (state_ == State::open) {
    const char disconnect[] = {'\xe0', 0};
    [[maybe_unused]] const ssize_t sent = ::send(fd_, disconnect, sizeof disconnect, MSG_NOSIGNAL);
  }
  if (fd_ >= 0) ::close(fd_);
}

void Connection::dial() {
  const auto* server = reinterpret_cast<const sockaddr*>(loop_.address_.data());
  fd_ = socket(server->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  ++loop_.dialling_;
  state_ = State::connecting;
  if (fd_ < 0) return fail_dial(std::strerror(errno));
  const int on = 1;
  if (server->sa_family != AF_UNIX) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (loop_.sources_ > 0 && server->sa_family == AF_INET) {
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index_ % loop_.sources_);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0)
      return fail_dial(std::strerror(errno));
  }
  if (connect(fd_, server, static_cast<socklen_t>(loop_.address_.size())) != 0 && errno != EINPROGRESS) {
    if (errno != EAGAIN) return fail_dial(std::strerror(errno));
    close();  // the backlog of a Unix socket is full, which is no refusal
    return retry();
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (epoll_ctl(loop_.epoll_, EPOLL_CTL_ADD, fd_, &event) != 0) fail_dial(std::strerror(errno));
}

void Connection::fail_dial(const std::string& why) {
  close();
  if (options_.reconnect) return retry();
  loop_.failure_ = client_id_ + " cannot connect: " + why;
  loop_.stopped_ = true;
}

void Connection::retry() { loop_.retries_.push_back({now() + kSecond / 5, this}); }

void Connection::handle(std::uint32_t events) {
  if (state_ == State::connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail_dial(std::strerror(error));
    send_connect();
  }
  if (state_ == State::open && (events & EPOLLOUT) != 0) writable();
  if (fd_ >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) read();
}

void Connection::send_connect() {
  mqtt::Connect packet;
  packet.version = options_.v5 ? mqtt::Version::v5 : mqtt::Version::v311;
  packet.clean_start = !options_.persistent;
  packet.keep_alive = options_.keep_alive;
  packet.client_id = client_id_;
  const std::string username = expand(options_.username, index_);
  const std::string password = expand(options_.password, index_);
  if (!username.empty()) packet.username = username;
  if (!password.empty()) packet.password = password;
  if (options_.v5 && options_.persistent) packet.session_expiry = 3600;
  std::string bytes;
  mqtt::encode(packet, bytes);
  state_ = State::handshaking;
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) fail_dial("CONNECT not taken by the kernel");
}

void Connection::read() {
  std::vector<char>& buffer = loop_.buffer_;
  for (;;) {
    if (carry_.size() > buffer.size() / 2) buffer.resize(buffer.size() * 2);
    const std::size_t have = carry_.size();
    std::memcpy(buffer.data(), carry_.data(), have);
    const std::size_t space = buffer.size() - have;
    const ssize_t got = recv(fd_, buffer.data() + have, space, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return lose(got == 0 ? "closed by the server" : std::strerror(errno));
    std::string_view bytes(buffer.data(), have + static_cast<std::size_t>(got));
    if (state_ == State::handshaking) bytes.remove_prefix(take_connack(bytes));
    if (state_ == State::open && !bytes.empty()) bytes.remove_prefix(take(bytes));
    if (fd_ < 0) return;
    carry_.assign(bytes);
    if (static_cast<std::size_t>(got) < space) return;  // there was no more
  }
}

std::size_t Connection::take_connack(std::string_view bytes) {
  mqtt::FixedHeader header;
  const mqtt::HeaderStatus status = mqtt::read_fixed_header(bytes, header);
  if (status == mqtt::HeaderStatus::incomplete ||
      (status == mqtt::HeaderStatus::complete && header.total() > bytes.size())) {
    return 0;
  }
  const mqtt::Decoded decoded =
      mqtt::decode(bytes.substr(0, header.total()), options_.v5 ? mqtt::Version::v5 : mqtt::Version::v311);
  const auto* connack = decoded.packet ? std::get_if<mqtt::Connack>(&*decoded.packet) : nullptr;
  if (connack == nullptr) {
    fail_dial("the answer is no CONNACK");
  } else if (connack->reason != mqtt::Reason::success) {
    fail_dial("refused: " + std::string(mqtt::to_string(connack->reason)));
  } else {
    state_ = State::open;
    --loop_.dialling_;
    ++loop_.open_;
    opened(connack->receive_maximum.value_or(65535));
    mark();
  }
  return header.total();
}

void Connection::mark() {
  if (dirty_) return;
  dirty_ = true;
  loop_.dirty_.push_back(this);
}

std::size_t Connection::send(const iovec* parts, int count) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno != EAGAIN && errno != EINTR) lose(std::strerror(errno));
  return 0;
}

void Connection::send_ping() {
  if (!is_open() || !between_packets()) return;
  char ping[] = {'\xc0', 0};
  const iovec part{ping, sizeof ping};
  send(&part, 1);
}

void Connection::lose(const std::string& why) {
  if (state_ != State::open) return fail_dial(why);
  close();
  ++loop_.lost_;
  loop_.failure_ = client_id_ + " lost its connection: " + why;
  if (options_.reconnect) retry();
}

void Connection::close() {
  if (state_ == State::open) --loop_.open_;
  if (state_ == State::connecting || state_ == State::handshaking) --loop_.dialling_;
  state_ = State::closed;
  carry_.clear();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace sluice::load

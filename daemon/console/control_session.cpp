#include "console/control_session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

namespace sluice {
namespace asio = boost::asio;
namespace {

// Part of the protocol: scripts compare these.
const char* code_name(errc code) {
  switch (code) {
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::not_found:
      return "not_found";
    case errc::exists:
      return "exists";
    case errc::denied:
      return "denied";
    case errc::unauthorized:
      return "unauthorized";
    case errc::full:
      return "full";
    case errc::io:
      return "io";
    case errc::sync_failed:
      return "sync_failed";
    case errc::disk_full:
      return "disk_full";
    case errc::corrupt:
      return "corrupt";
    case errc::newer_schema:
      return "newer_schema";
    case errc::timeout:
      return "timeout";
    case errc::closed:
      return "closed";
    case errc::unreachable:
      return "unreachable";
    case errc::tls:
      return "tls";
    case errc::refused:
      return "refused";
    case errc::throttled:
      return "throttled";
    case errc::protocol:
      return "protocol";
    case errc::unsupported:
      return "unsupported";
  }
  return "unknown";
}

}  // namespace

result<nlohmann::json> ok(nlohmann::json value) { return {boost::system::in_place_value, std::move(value)}; }

std::string control_answer(const result<nlohmann::json>& outcome) {
  nlohmann::json answer;
  if (outcome.has_value()) {
    answer = {{"ok", true}, {"result", *outcome}};
  } else {
    const auto error = outcome.error();
    answer = {{"ok", false}, {"error", {{"code", code_name(error.code)}, {"text", error.text}}}};
  }
  // Device names and topics may hold any bytes; the line must stay JSON.
  return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

ControlSession::ControlSession(Socket socket, const ControlCommands& commands, Clock& clock, Log log,
                               std::function<void(ControlSession*)> closed)
    : socket_(std::move(socket)),
      commands_(&commands),
      deadline_(clock),
      log_(std::move(log)),
      closed_(std::move(closed)) {}

void ControlSession::close() {
  ++request_;
  waiting_ = false;
  closed_ = nullptr;
  deadline_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void ControlSession::end() {
  if (!closed_) return;
  const auto closed = std::move(closed_);
  close();
  closed(this);
}

void ControlSession::read() {
  deadline_.start(kControlIdle, [this] { end(); });
  asio::async_read_until(socket_, asio::dynamic_buffer(in_, kMaxControlRequest), '\n',
                         [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                           if (!self->closed_) return;
                           if (error == asio::error::not_found) {
                             self->out_ =
                                 control_answer(Error{errc::invalid_argument,
                                                      "the request is longer than 64 KiB or has no newline"});
                             self->write(true);
                           } else if (error) {
                             self->end();
                           } else {
                             const auto line = self->in_.substr(0, size - 1);
                             self->in_.erase(0, size);
                             self->handle(line);
                           }
                         });
}

void ControlSession::handle(std::string_view line) {
  const auto id = ++request_;
  waiting_ = true;
  const auto request = nlohmann::json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("command") || !request["command"].is_string()) {
    return answer(
        Error{errc::invalid_argument, R"(a request is one line of JSON: {"command":"status","args":{}})"});
  }
  const auto name = request["command"].get<std::string>();
  const auto args = request.value("args", nlohmann::json::object());
  if (!args.is_object()) return answer(Error{errc::invalid_argument, "args must be an object"});
  const auto command = commands_->find(name);
  if (command == commands_->end()) {
    return answer(
        Error{errc::unsupported, fmt::format("this daemon has no command {:.60}; is sluicectl of the same "
                                             "version? (sluicectl version)",
                                             name)});
  }
  log_.debug("command {}", name);
  deadline_.start(kControlDeadline, [this, name] {
    answer(Error{errc::timeout, fmt::format("{} did not answer within 30 s", name)});
  });
  auto reply = [weak = weak_from_this(), id](result<nlohmann::json> outcome) {
    const auto self = weak.lock();
    if (self && self->request_ == id && self->waiting_) self->answer(outcome);
  };
  try {
    command->second(args, reply);
  } catch (const nlohmann::json::exception& e) {
    reply(Error{errc::invalid_argument, fmt::format("{}: wrong arguments: {}", name, e.what())});
  }
}

void ControlSession::answer(const result<nlohmann::json>& outcome) {
  waiting_ = false;
  out_ = control_answer(outcome);
  write(false);
}

void ControlSession::write(bool then_close) {
  deadline_.start(kControlDeadline, [this] { end(); });
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this(), then_close](boost::system::error_code error, std::size_t) {
                      if (!self->closed_) return;
                      if (error || then_close) return self->end();
                      self->read();
                    });
}

}  // namespace sluice

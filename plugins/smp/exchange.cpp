#include "plugins/smp/exchange.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/task.hpp"

namespace sluice::smp {
namespace {

constexpr Duration kBusyPause = 300ms, kNoLinePause = 300ms;

std::chrono::milliseconds ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d); }

}  // namespace

Exchange::Exchange(boost::asio::io_context& loop, Clock& clock, Transport& transport, Log log)
    : loop_(loop), clock_(clock), transport_(transport), log_(std::move(log)), deadline_(clock) {
  transport_.on_message([this](std::string_view bytes) { received(bytes); });
}

Exchange::~Exchange() { transport_.on_message({}); }

void Exchange::close() {
  closed_ = true;
  if (waiting_) finish(Error{errc::closed, "the SMP adapter is stopping"});
}

void Exchange::start(const Command& command, Duration deadline, Handler handler) {
  handler_ = std::move(handler);
  waiting_ = Header{command.op, version_, command.group, sequence_++, command.command};
  if (closed_) return finish(Error{errc::closed, "the SMP adapter is stopping"});
  if (!transport_.send(encode(*waiting_, command.body))) {
    return finish(Error{errc::unreachable, fmt::format("{} is not there", transport_.name())});
  }
  ++counters_.sent;
  deadline_.start(deadline, [this, deadline] {
    ++counters_.timeouts;
    finish(Error{errc::timeout, fmt::format("no answer from {} in {}", transport_.name(), ms(deadline))});
  });
}

void Exchange::received(std::string_view bytes) {
  auto message = decode(bytes);
  if (!message) {
    ++counters_.broken;
    log_.debug("{}: {}", transport_.name(), message.error().text);
    return;
  }
  if (!waiting_ || !message->header.answers(*waiting_)) {
    ++counters_.stale;  // the late answer to an attempt that was given up
    return;
  }
  ++counters_.answered;
  finish(std::move(*message));
}

void Exchange::finish(result<Message> outcome) {
  deadline_.cancel();
  waiting_.reset();
  // Not from inside the transport's or the timer's call: the coroutine that goes on may ask again at once.
  boost::asio::post(loop_, [handler = std::exchange(handler_, {}), outcome = std::move(outcome)]() mutable {
    handler(std::move(outcome));
  });
}

boost::asio::awaitable<result<Message>> Exchange::once(const Command& command, Duration deadline) {
  if (waiting_) co_return Error{errc::throttled, "another request is on its way to this device"};
  co_return co_await boost::asio::async_initiate<decltype(boost::asio::use_awaitable), void(result<Message>)>(
      [this, &command, deadline](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        start(command, deadline,
              [shared](result<Message> outcome) { std::move (*shared)(std::move(outcome)); });
      },
      boost::asio::use_awaitable);
}

boost::asio::awaitable<result<Message>> Exchange::ask_raw(const Command& command, Patience patience) {
  result<Message> outcome = Error{errc::timeout, "not asked"};
  for (int attempt = 1; attempt <= patience.attempts; ++attempt) {
    outcome = co_await once(command, patience.reply);
    if (!outcome) {
      if (outcome.error().code == errc::closed || outcome.error().code == errc::throttled) co_return outcome;
      if (outcome.error().code == errc::unreachable && attempt < patience.attempts)
        co_await sleep_for(clock_, kNoLinePause);
      continue;
    }
    const auto error = error_in(outcome->body);
    if (!error || error->of_group) co_return outcome;
    if ((error->code == kSmpTooNew || error->code == kSmpTooOld) && version_ == Version::v2) {
      log_.info("{} speaks SMP version 1", transport_.name());
      version_ = Version::v1;
      --attempt;  // happens once
      continue;
    }
    if (error->code != kSmpBusy) co_return outcome;
    if (attempt < patience.attempts) co_await sleep_for(clock_, kBusyPause);
  }
  if (!outcome) {
    co_return Error{outcome.error().code, fmt::format("{} to {} (attempts: {})", outcome.error().text,
                                                      name_of(command), patience.attempts)};
  }
  co_return outcome;
}

boost::asio::awaitable<result<cbor::Value>> Exchange::ask(Command command, Patience patience) {
  auto outcome = co_await ask_raw(command, patience);
  if (!outcome) co_return outcome.error();
  if (const auto error = error_in(outcome->body)) co_return error_of(*error, command);
  co_return std::move(outcome->body);
}

}  // namespace sluice::smp

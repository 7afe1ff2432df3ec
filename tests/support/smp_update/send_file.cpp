#include "tests/support/smp_update/send_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/task.hpp"

namespace sluice::smp {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kBlock = 8192;

bool away(const Error& error) {
  return error.code == errc::timeout || error.code == errc::unreachable || error.code == errc::io;
}

// Until the device answers again.
asio::awaitable<result<>> wait_for_device(SmpTarget& target, Clock& clock, Duration silence) {
  const auto deadline = clock.now() + silence;
  while (true) {
    const auto facts = co_await target.probe();  // capacity too: another program may run now
    if (facts) co_return result<>();
    if (!away(facts.error()) || clock.now() >= deadline) co_return facts.error();
    co_await sleep_for(clock, target.options().poll);
  }
}

}  // namespace

asio::awaitable<result<Sent>> send_file(SmpTarget& target, Clock& clock, SendFile file, Log log) {
  Sent sent;
  bool begun = false;
  std::uint64_t at = 0;
  while (true) {
    result<std::uint64_t> next = Error{errc::invalid_argument, "not begun"};
    const auto bytes = file.read(begun ? at : 0, kBlock);
    if (!bytes) co_return bytes.error();
    if (bytes->empty()) co_return Error{errc::invalid_argument, "the file is shorter than announced"};
    if (!begun) {
      next = co_await target.begin(file.head, *bytes);
    } else {
      next = co_await target.write(at, *bytes);
    }
    if (next) {
      if (!begun && sent.restarts == 0) sent.resumed_at = *next;
      if (file.progress) file.progress(*next);
      if (*next == file.head.size) co_return sent;
      // The first packet carries data, so 0 behind it means that the device has lost it too.
      if (*next != 0) {
        begun = true;
        at = *next;
        continue;
      }
      log.warn("the device has lost the upload at byte {} of {}; from the beginning", at, file.head.size);
    } else if (away(next.error())) {
      log.warn("the device is away at byte {} of {}: {}", at, file.head.size, next.error().text);
    } else {
      co_return next.error();
    }
    if (++sent.restarts > file.restarts) {
      co_return Error{errc::timeout, fmt::format("given up after {} restarts of the upload, last at byte {}",
                                                 file.restarts, at)};
    }
    if (auto back = co_await wait_for_device(target, clock, file.silence); !back) co_return back.error();
    begun = false;  // the device tells where to go on
  }
}

}  // namespace sluice::smp

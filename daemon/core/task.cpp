#include "core/task.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>

namespace sluice {
namespace asio = boost::asio;

void spawn(asio::io_context& loop, Log log, std::string name, std::function<asio::awaitable<void>()> body,
           std::function<void(bool failed)> done) {
  // The body's closure holds the coroutine's captures, so it must live until the coroutine ends.
  auto keep = std::make_shared<std::function<asio::awaitable<void>()>>(std::move(body));
  auto finished = [log = std::move(log), name = std::move(name), done = std::move(done),
                   keep](const std::exception_ptr& error) {
    if (error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        log.error("task {} failed: {}", name, e.what());
      }
    }
    if (done) done(error != nullptr);
  };
  asio::co_spawn(loop, (*keep)(), std::move(finished));
}

asio::awaitable<void> sleep_for(Clock& clock, Duration delay) {
  co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
      [&clock, delay](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        clock.call_after(delay, [shared] { std::move (*shared)(); });
      },
      asio::use_awaitable);
}

}  // namespace sluice

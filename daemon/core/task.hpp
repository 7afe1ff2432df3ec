// The one place that spawns coroutines. Each has a name; an exception that leaves one is logged with it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "core/clock.hpp"
#include "core/log.hpp"

namespace sluice {

// Runs body on the loop. `done` (may be empty) is called on the loop when it ends; `failed` tells whether an
// exception ended it.
void spawn(boost::asio::io_context& loop, Log log, std::string name,
           std::function<boost::asio::awaitable<void>()> body, std::function<void(bool failed)> done = {});

// Suspends the calling coroutine; obeys the Clock, so virtual time works.
boost::asio::awaitable<void> sleep_for(Clock& clock, Duration delay);

}  // namespace sluice

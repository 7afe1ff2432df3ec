#include "core/failpoint.hpp"

#include <poll.h>

#include <charconv>
#include <csignal>
#include <cstdlib>

namespace sluice {
namespace {

std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

long number(std::string_view text) {
  long value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

FailPoints::FailPoints(std::string_view text) {
  while (!text.empty()) {
    auto part = take_until(text, ',');
    auto point = std::make_unique<Point>();
    point->name = take_until(part, ':');
    point->left = number(take_until(part, ':'));
    if (part == "kill") {
      point->action = Point::Action::kill;
    } else if (part == "err") {
      point->action = Point::Action::err;
    } else if (part.starts_with("delay=")) {
      point->action = Point::Action::delay;
      point->delay_ms = static_cast<int>(number(part.substr(6)));
    } else {
      continue;
    }
    if (!point->name.empty() && point->left > 0) points_.push_back(std::move(point));
  }
}

FailPoints FailPoints::from_environment() {
  const char* text = std::getenv("SLUICE_FAIL");
  return text == nullptr ? FailPoints() : FailPoints(text);
}

bool FailPoints::strike(std::string_view name) {
  bool failed = false;
  for (auto& point : points_) {
    if (point->name != name || point->left.fetch_sub(1) != 1) continue;
    switch (point->action) {
      case Point::Action::kill:
        std::raise(SIGKILL);
        break;
      case Point::Action::err:
        failed = true;
        break;
      case Point::Action::delay:
        ::poll(nullptr, 0, point->delay_ms);
        break;
    }
  }
  return failed;
}

}  // namespace sluice

#include "device/adapter_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace sluice::device {
namespace {

constexpr double kLinesPerSecond = 20, kLines = 200;
constexpr Duration kTellAfter = 60s;
constexpr std::size_t kTurn = 16 * 1024;
constexpr Duration kPause = 50ms;  // between turns: at most 320 KiB/s of words

Level level_of(std::string_view& line, Level fallback) {
  if (line.size() < 3 || line[0] != '<' || line[2] != '>' || line[1] < '0' || line[1] > '7') return fallback;
  const int number = line[1] - '0';
  line.remove_prefix(3);
  if (number <= 3) return Level::error;
  if (number == 4) return Level::warning;
  return number == 7 ? Level::debug : Level::info;
}

}  // namespace

AdapterLog::AdapterLog(Clock& clock, Log log, std::string name)
    : clock_(clock),
      log_(std::move(log)),
      name_(std::move(name)),
      budget_(kLinesPerSecond, kLines, clock.now()) {}

void AdapterLog::line(std::string_view line, Level level) {
  ++lines;
  level = level_of(line, level);
  std::string text(line);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      ' ');
  if (level >= Level::warning) last_complaint_ = text.substr(0, 256);
  if (budget_.wait(clock_.now()) > Duration::zero()) {
    ++left_out;
    return;
  }
  budget_.take(1);
  switch (level) {
    case Level::debug:
      return log_.debug("adapter {}: {}", name_, text);
    case Level::info:
      return log_.info("adapter {}: {}", name_, text);
    case Level::warning:
      return log_.warn("adapter {}: {}", name_, text);
    case Level::error:
      return log_.error("adapter {}: {}", name_, text);
  }
}

void AdapterLog::tick(MonoTime now) {
  if (left_out == told_left_out_ || now - told_at_ < kTellAfter) return;
  log_.warn("adapter {}: {} lines were left out: it says more than {} a second", name_,
            left_out - told_left_out_, kLinesPerSecond);
  told_left_out_ = left_out;
  told_at_ = now;
}

AdapterOutput::AdapterOutput(boost::asio::io_context& loop, Clock& clock, Handle pipe,
                             std::shared_ptr<AdapterLog> log, Level level)
    : pipe_(loop, pipe.release()), pause_(clock), log_(std::move(log)), level_(level) {}

void AdapterOutput::wait() {
  if (!pipe_.is_open()) return;
  pipe_.async_wait(decltype(pipe_)::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
    if (ec || !self->pipe_.is_open()) return;
    if (!self->take()) return self->finish();
    self->pause_.start(kPause, [weak = self->weak_from_this()] {
      if (const auto alive = weak.lock()) alive->wait();
    });
  });
}

bool AdapterOutput::take() {
  std::array<char, kTurn> bytes{};
  const auto got = ::read(pipe_.native_handle(), bytes.data(), bytes.size());
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  cutter_.feed({bytes.data(), static_cast<std::size_t>(got)},
               [this](std::string_view line) { log_->line(line, level_); });
  return true;
}

void AdapterOutput::finish() {
  if (!pipe_.is_open()) return;
  pause_.cancel();
  // A pipe holds 64 KiB: this ends.
  for (int turn = 0; turn < 8; ++turn) {
    if (!take()) break;
  }
  cutter_.end([this](std::string_view line) { log_->line(line, level_); });
  boost::system::error_code ignored;
  pipe_.close(ignored);
}

}  // namespace sluice::device

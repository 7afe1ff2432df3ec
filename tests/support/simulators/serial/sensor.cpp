#include "sensor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/support/pseudo_terminal.hpp"
#include "uart.hpp"

namespace sluice::simulators {
namespace {

constexpr Duration kTurn = std::chrono::milliseconds(2);

}  // namespace

Sensor::Sensor(boost::asio::io_context& loop, Clock& clock, SensorOptions options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      master_(loop),
      random_(options_.seed),
      turn_(clock),
      plug_(clock) {
  auto made = serial::make_framing(options_.framing);
  if (!made) throw std::invalid_argument(made.error().text);
  framing_ = std::move(*made);
  for (const auto& id : options_.devices) devices_.push_back({.id = id});
  if (!options_.log.empty()) log_.open(options_.log, std::ios::app);
  if (!options_.sent.empty()) sent_log_.open(options_.sent, std::ios::app);
}

void Sensor::start() {
  for (auto& device : devices_) device.due = clock_.now();
  plug();
  turn();
}

bool Sensor::done() const {
  return options_.count != 0 && std::all_of(devices_.begin(), devices_.end(), [this](const Device& device) {
           return device.seq > options_.count;
         });
}

void Sensor::plug() {
  const auto [master, path] = test::open_pty();
  spare_slave_ = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  master_.assign(master);
  std::error_code ignored;
  std::filesystem::remove(options_.link, ignored);
  std::filesystem::create_symlink(path, options_.link);
  ++plugs;
  fmt::print(stderr, "plugged in: {} -> {}\n", options_.link.string(), path);
  read();
  if (options_.unplug_every > Duration::zero()) plug_.start(options_.unplug_every, [this] { unplug(); });
}

void Sensor::unplug() {
  boost::system::error_code ec;
  std::error_code ignored;
  std::filesystem::remove(options_.link, ignored);
  ::close(std::exchange(spare_slave_, -1));
  master_.close(ec);
  plug_.start(options_.unplugged_for, [this] { plug(); });
}

void Sensor::read() {
  master_.async_read_some(boost::asio::buffer(buffer_),
                          [this](const boost::system::error_code& ec, std::size_t size) {
                            if (ec) return;
                            auto bytes = harmed({buffer_, size});
                            if (options_.baud != 0)
                              bytes = heard(bytes, rate_of(master_.native_handle()), options_.baud);
                            framing_->feed(bytes, [this](std::string_view frame) { hear(frame); });
                            read();
                          });
}

// A bad line, or half a frame.
std::string Sensor::harmed(std::string bytes) {
  if (options_.corrupt > 0) {
    for (auto& byte : bytes) {
      if (!breaks()) continue;
      byte = static_cast<char>(random_());
      ++corrupted;
    }
  }
  return bytes;
}

// Bursts begin as often as it takes for the share of all bytes.
bool Sensor::breaks() {
  if (options_.burst <= 1) return chance() < options_.corrupt;
  const double turns =
      in_burst_ ? 1 / options_.burst : options_.corrupt / (1 - options_.corrupt) / options_.burst;
  if (chance() < turns) in_burst_ = !in_burst_;
  return in_burst_;
}

void Sensor::turn() {
  const auto now = clock_.now();
  for (auto& device : devices_) {
    if (options_.count != 0 && device.seq > options_.count) continue;
    if (device.open ? now >= device.again : now >= device.due) say(device);
  }
  turn_.start(kTurn, [this] { turn(); });
}

void Sensor::say(Device& device) {
  if (!master_.is_open()) return;
  const nlohmann::json reading = {
      {"device", device.id}, {"seq", device.seq}, {"value", 20 + static_cast<int>(device.seq % 10)}};
  const auto whole = *framing_->encode(reading.dump());
  auto bytes = whole;
  if (options_.halves > 0 && chance() < options_.halves) bytes.resize(bytes.size() / 2);
  bytes = harmed(std::move(bytes));
  if (options_.baud != 0) bytes = heard(bytes, options_.baud, rate_of(master_.native_handle()));
  // What a full line does not take is gone, as on a wire.
  const auto taken = ::write(master_.native_handle(), bytes.data(), bytes.size());
  const bool left = bytes == whole && taken == static_cast<ssize_t>(bytes.size());
  if (sent_log_.is_open())
    sent_log_ << device.id << ' ' << device.seq << (left ? " whole" : " harmed") << std::endl;
  ++sent;
  const auto now = clock_.now();
  device.open = options_.waits_for_ack;
  device.again = now + options_.patience;
  if (options_.waits_for_ack) return;
  ++device.seq;
  device.due =
      now + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / options_.per_second));
}

// {"ack": seq, "device": id}
void Sensor::hear(std::string_view frame) {
  const auto json = nlohmann::json::parse(frame, nullptr, false);
  if (!json.is_object() || !json.contains("ack") || !json.contains("device")) return;
  for (auto& device : devices_) {
    if (json["device"] != device.id || json["ack"] != device.seq || !device.open) continue;
    ++acknowledged;
    if (log_.is_open()) log_ << device.id << ' ' << device.seq << std::endl;
    ++device.seq;
    device.open = false;
    device.due +=
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / options_.per_second));
  }
}

}  // namespace sluice::simulators

// sluice-smp-device: a simulated microcontroller with MCUboot and MCUmgr on a pty or on UDP. Prints where it
// is; takes faults at the start and while it runs, as lines on a FIFO.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "smp/device_port.hpp"
#include "smp/image_maker.hpp"
#include "tests/support/pseudo_terminal.hpp"

namespace po = boost::program_options;
namespace asio = boost::asio;

namespace sluice::smp_device {
namespace {

constexpr int kUsage = 64, kFailed = 1;
constexpr std::size_t kMostUnsent = 65536;  // a line that nobody reads loses what is beyond
using Code = boost::system::error_code;

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "sluice-smp-device: {}\n", what);
  std::exit(kFailed);
}

// A descriptor that is read for ever and written in order.
class Stream {
 public:
  Stream(asio::io_context& loop, int fd, std::function<void(std::string_view)> in)
      : stream_(loop, fd), in_(std::move(in)) {
    read();
  }
  void write(const std::string& bytes) {
    if (unsent_.size() + bytes.size() > kMostUnsent) return;
    unsent_ += bytes;
    if (writing_.empty()) flush();
  }

 private:
  void read() {
    stream_.async_read_some(asio::buffer(buffer_), [this](Code ec, std::size_t n) {
      if (ec) return;
      in_({buffer_.data(), n});
      read();
    });
  }
  void flush() {
    writing_ = std::exchange(unsent_, {});
    if (writing_.empty()) return;
    stream_.async_write_some(asio::buffer(writing_), [this](Code ec, std::size_t n) {
      if (ec) return;
      unsent_.insert(0, writing_.substr(n));
      writing_.clear();
      flush();
    });
  }

  asio::posix::stream_descriptor stream_;
  std::function<void(std::string_view)> in_;
  std::array<char, 4096> buffer_{};
  std::string writing_, unsent_;
};

// Datagrams go back to whoever sent last.
class Datagrams {
 public:
  Datagrams(asio::io_context& loop, std::uint16_t port, DevicePort& device)
      : socket_(loop, {asio::ip::address_v4::loopback(), port}), device_(device) {
    read();
  }
  std::uint16_t port() const { return socket_.local_endpoint().port(); }
  void write(const std::string& bytes) {
    Code ignored;
    socket_.send_to(asio::buffer(bytes), peer_, 0, ignored);
  }

 private:
  void read() {
    socket_.async_receive_from(asio::buffer(buffer_), peer_, [this](Code ec, std::size_t n) {
      if (ec == asio::error::operation_aborted) return;
      if (!ec) device_.in({buffer_.data(), n});
      read();
    });
  }
  asio::ip::udp::socket socket_;
  DevicePort& device_;
  asio::ip::udp::endpoint peer_;
  std::array<char, 4096> buffer_{};
};

// Lines of the FIFO: faults, and what a hand can do to a device.
void obey(const std::string& line, Device& device, Faults& faults) {
  if (line.empty()) return;
  if (line == "reset") return device.reset();
  if (line == "forget") return device.forget_upload();
  if (line == "report") {
    const auto& c = device.counters();
    std::string slots;
    for (const auto& s : device.bootloader().slots()) {
      slots += fmt::format(" slot{}={}{}{}{}", s.slot, s.version, s.active ? ",active" : "",
                           s.confirmed ? ",confirmed" : "", s.pending ? ",pending" : "");
    }
    return say(fmt::format("report: requests={} chunks={} boots={} uploads={} refused={}{}", c.requests,
                           c.chunks, c.boots, c.uploads, c.refused, slots));
  }
  const auto set = faults.set(line);
  say(set ? fmt::format("fault: {}", line) : fmt::format("not understood: {}", set.error().text));
}

smp::ImageVersion version_of(const std::string& text) {
  unsigned a = 0, b = 0, c = 0;
  if (std::sscanf(text.c_str(), "%u.%u.%u", &a, &b, &c) != 3 || a > 255 || b > 255 || c > 65535) {
    give_up(fmt::format("'{}' is no version like 1.2.3", text));
  }
  return {static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint16_t>(c), 0};
}

struct Settings {
  DeviceOptions device;
  std::vector<std::string> faults;
  std::string version, link, control, make_image;
  std::size_t size = 0;
  std::uint64_t seed = 1;
  int udp = -1;
  bool no_params = false, no_image_check = false;
};

po::options_description described(Settings& s) {
  po::options_description options("sluice-smp-device [options]");
  auto add = options.add_options();
  add("help", "this text");
  add("version", po::value(&s.version)->default_value("1.0.0"),
      "of the image in the first slot, or of --make-image");
  add("size", po::value(&s.size)->default_value(65536), "bytes of that image");
  add("make-image", po::value(&s.make_image), "write an MCUboot image to this file and end");
  add("link", po::value(&s.link), "a symbolic link to the pty, as /dev/serial/by-id has them");
  add("udp", po::value(&s.udp), "a port on loopback instead of a pty; 0: any");
  add("control", po::value(&s.control), "a FIFO to make: a fault a line, or reset, forget, report");
  add("fault", po::value(&s.faults)->composing(), "a fault, name=value; may be given several times");
  add("seed", po::value(&s.seed)->default_value(1), "of chance");
  add("mode", po::value(&s.device.mode)->default_value(3),
      "MCUboot's: 3 swap, 1 swap with scratch, 2 overwrite only (no revert)");
  add("slot-size", po::value(&s.device.slot_size)->default_value(1 << 20), "bytes");
  add("buffer-size", po::value(&s.device.buffer_size)->default_value(384), "of one message, as announced");
  add("no-params", po::bool_switch(&s.no_params), "does not know the params command, as bootloaders");
  add("no-image-check", po::bool_switch(&s.no_image_check), "does not check the file that it received");
  add("version-1", po::bool_switch(&s.device.version_1), "speaks SMP version 1 only");
  return options;
}

int run(Settings s) {
  if (!s.make_image.empty()) {
    std::ofstream file(s.make_image, std::ios::binary);
    file << make_image(version_of(s.version), s.size, s.seed);
    return file.flush() ? 0 : kFailed;
  }
  asio::io_context loop{1};
  const auto clock = make_system_clock(loop);
  Faults faults;
  for (const auto& fault : s.faults) {
    if (const auto set = faults.set(fault); !set) {
      fmt::print(stderr, "sluice-smp-device: {}\n", set.error().text);
      return kUsage;
    }
  }
  s.device.params = !s.no_params;
  s.device.image_check = !s.no_image_check;
  Device device(*clock, s.device, make_image(version_of(s.version), s.size, s.seed), faults);
  device.on_say(say);
  DevicePort port(device, faults, s.seed, s.udp >= 0);

  std::unique_ptr<Stream> pty, control;
  std::unique_ptr<Datagrams> datagrams;
  if (s.udp >= 0) {
    datagrams = std::make_unique<Datagrams>(loop, static_cast<std::uint16_t>(s.udp), port);
    port.on_out([&](const std::string& bytes) { datagrams->write(bytes); });
    say(fmt::format("udp 127.0.0.1:{}", datagrams->port()));
  } else {
    const auto [master, path] = test::open_pty();
    // The other end stays open here too, so that readers may come and go; with the process.
    if (::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC) < 0) give_up("no pty");
    pty = std::make_unique<Stream>(loop, master, [&](std::string_view bytes) { port.in(bytes); });
    port.on_out([&](const std::string& bytes) { pty->write(bytes); });
    if (!s.link.empty()) {
      std::filesystem::remove(s.link);
      std::filesystem::create_symlink(path, s.link);
    }
    say(fmt::format("pty {}", s.link.empty() ? path : s.link));
  }
  std::string half;
  if (!s.control.empty()) {
    std::filesystem::remove(s.control);
    if (::mkfifo(s.control.c_str(), 0600) != 0) give_up(fmt::format("no FIFO {}", s.control));
    // Both ways, so that it stays open when a writer goes.
    const int fd = ::open(s.control.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) give_up(fmt::format("no FIFO {}", s.control));
    control = std::make_unique<Stream>(loop, fd, [&](std::string_view bytes) {
      half += bytes;
      for (auto end = half.find('\n'); end != std::string::npos; end = half.find('\n')) {
        obey(half.substr(0, end), device, faults);
        half.erase(0, end + 1);
      }
      if (half.size() > 4096) half.clear();
    });
  }
  asio::signal_set stop(loop, SIGINT, SIGTERM);
  stop.async_wait([&](Code, int) { loop.stop(); });
  loop.run();
  if (!s.link.empty()) std::filesystem::remove(s.link);
  if (!s.control.empty()) std::filesystem::remove(s.control);
  return 0;
}

}  // namespace
}  // namespace sluice::smp_device

int main(int argc, char** argv) {
  using namespace sluice::smp_device;
  Settings settings;
  const auto options = described(settings);
  try {
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    if (given.contains("help")) {
      std::cout << options;
      return 0;
    }
    po::notify(given);
    return run(std::move(settings));
  } catch (const po::error& error) {
    fmt::print(stderr, "sluice-smp-device: {}\n", error.what());
    return kUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sluice-smp-device: {}\n", error.what());
    return kFailed;
  }
}

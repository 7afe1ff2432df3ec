// The one file of the adapter that knows libmodbus.
#include "plugins/modbus/libmodbus_bus.hpp"

#include <fmt/format.h>
#include <modbus/modbus.h>
#include <sys/ioctl.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "core/workers.hpp"

namespace sluice::modbus {
namespace {

constexpr Duration kConnect = 3s;

struct FreeContext {
  void operator()(modbus_t* context) const {
    const int fd = modbus_get_socket(context);
    if (fd >= 0) (void)::ioctl(fd, TIOCNXCL);
    modbus_close(context);
    modbus_free(context);
  }
};

void set_timeout(modbus_t* context, Duration timeout) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  modbus_set_response_timeout(context, static_cast<std::uint32_t>(us / 1'000'000),
                              static_cast<std::uint32_t>(us % 1'000'000));
}

// Everything on the worker's thread.
class Master {
 public:
  explicit Master(LineSettings line) : line_(std::move(line)) {}

  Response transact(const Request& request, bool reopen) {
    if (reopen) context_.reset();
    if (!context_) {
      if (auto trouble = open(); !trouble.empty()) return {Outcome::no_line, 0, {}, std::move(trouble)};
    }
    set_timeout(context_.get(), request.timeout);
    modbus_set_slave(context_.get(), request.unit);
    modbus_flush(context_.get());  // what came too late for the last one
    Response response;
    response.values.resize(request.writes() ? 0 : request.count);
    errno = 0;
    if (call(request, response.values) >= 0) return response;
    return failed(errno, request);
  }

  std::atomic<std::uint64_t> opens{0};

 private:
  std::string name() const {
    if (const auto* serial = std::get_if<SerialLine>(&line_)) return serial->path;
    const auto& tcp = std::get<TcpPeer>(line_);
    return fmt::format("{}:{}", tcp.host, tcp.port);
  }

  std::string open() {
    const auto* serial = std::get_if<SerialLine>(&line_);
    if (serial != nullptr) {
      context_.reset(modbus_new_rtu(serial->path.c_str(), serial->baud, serial->parity, serial->data_bits,
                                    serial->stop_bits));
    } else {
      const auto& tcp = std::get<TcpPeer>(line_);
      context_.reset(modbus_new_tcp_pi(tcp.host.c_str(), std::to_string(tcp.port).c_str()));
    }
    if (!context_) return name() + ": is no name of a line";
    // 0: the answer as a whole within its time, and not each byte.
    modbus_set_byte_timeout(context_.get(), 0, 0);
    set_timeout(context_.get(), kConnect);
    if (modbus_connect(context_.get()) != 0) return closed(errno);
    // Two masters on a bus destroy each other's frames.
    if (serial != nullptr && ::ioctl(modbus_get_socket(context_.get()), TIOCEXCL) != 0) return closed(errno);
    if (serial != nullptr && serial->rs485 &&
        modbus_rtu_set_serial_mode(context_.get(), MODBUS_RTU_RS485) != 0) {
      context_.reset();
      return name() + ": its driver knows no RS-485; many adapters switch by themselves: leave rs485 out";
    }
    ++opens;
    return {};
  }

  std::string closed(int error) {
    context_.reset();
    return name() + ": " + modbus_strerror(error);
  }

  int call(const Request& request, std::vector<std::uint16_t>& values) {
    auto* context = context_.get();
    const auto& given = request.values;
    std::array<std::uint8_t, kMostReadBits> bits{};
    if (request.writes() && request.table == Table::coil) {
      if (given.size() == 1) return modbus_write_bit(context, request.address, given[0]);
      for (std::size_t i = 0; i < given.size(); ++i) bits.at(i) = given[i] != 0 ? 1 : 0;
      return modbus_write_bits(context, request.address, static_cast<int>(given.size()), bits.data());
    }
    if (request.writes()) {
      if (given.size() == 1) return modbus_write_register(context, request.address, given[0]);
      return modbus_write_registers(context, request.address, static_cast<int>(given.size()), given.data());
    }
    if (request.table == Table::holding)
      return modbus_read_registers(context, request.address, request.count, values.data());
    if (request.table == Table::input)
      return modbus_read_input_registers(context, request.address, request.count, values.data());
    const auto got = request.table == Table::coil
                         ? modbus_read_bits(context, request.address, request.count, bits.data())
                         : modbus_read_input_bits(context, request.address, request.count, bits.data());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = bits.at(i);
    return got;
  }

  Response failed(int error, const Request& request) {
    if (error == ETIMEDOUT) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(request.timeout).count();
      return {Outcome::silent, 0, {}, fmt::format("no answer within {} ms", ms)};
    }
    if (error > MODBUS_ENOBASE && error <= EMBXGTAR)
      return {Outcome::exception, static_cast<unsigned>(error - MODBUS_ENOBASE), {}, modbus_strerror(error)};
    if (error == EMBUNKEXC) return {Outcome::exception, 0, {}, "unknown exception"};
    if (error > EMBXGTAR && error <= EMBBADSLAVE) {
      // The answer to another request: of TCP's answers none is behind it that could be told apart.
      if (std::holds_alternative<TcpPeer>(line_)) context_.reset();
      return {Outcome::garbled, 0, {}, std::string("broken answer: ") + modbus_strerror(error)};
    }
    return {Outcome::no_line, 0, {}, closed(error)};
  }

  LineSettings line_;
  std::unique_ptr<modbus_t, FreeContext> context_;
};

class LibmodbusBus final : public Bus {
 public:
  LibmodbusBus(boost::asio::io_context& loop, LineSettings line)
      : master_(std::move(line)), worker_(loop, 1, 1) {}
  ~LibmodbusBus() override { *alive_ = false; }

  void ask(const Request& request, std::function<void(const Response&)> done) override {
    auto response = std::make_shared<Response>();
    const bool anew = std::exchange(reopen_, false);
    (void)worker_.submit([this, request, response, anew] { *response = master_.transact(request, anew); },
                         [alive = alive_, response, done = std::move(done)] {
                           if (*alive) done(*response);
                         });
  }
  void reopen() override { reopen_ = true; }
  std::uint64_t opens() const override { return master_.opens; }

 private:
  Master master_;
  bool reopen_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Workers worker_;  // last: waits for the call that runs
};

}  // namespace

std::unique_ptr<Bus> make_libmodbus_bus(boost::asio::io_context& loop, LineSettings line) {
  return std::make_unique<LibmodbusBus>(loop, std::move(line));
}

}  // namespace sluice::modbus

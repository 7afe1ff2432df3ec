#include "server.hpp"

#include <fcntl.h>
#include <modbus/modbus.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "tests/support/pseudo_terminal.hpp"

namespace sluice::simulators {
namespace {

using boost::asio::ip::tcp;

constexpr unsigned kIllegalAddress = 2;
constexpr Duration kCountsEvery = std::chrono::milliseconds(20);

// Of a request on a serial line; 0: more bytes are needed to tell. There are no others than these.
std::size_t length_of(std::string_view request) {
  if (request.size() < 7) return 0;
  const auto function = static_cast<unsigned char>(request[1]);
  if (function != MODBUS_FC_WRITE_MULTIPLE_COILS && function != MODBUS_FC_WRITE_MULTIPLE_REGISTERS) return 8;
  return 9U + static_cast<unsigned char>(request[6]);
}

}  // namespace

void ModbusServer::FreeContext::operator()(_modbus* context) const { modbus_free(context); }

struct ModbusServer::Connection {
  Connection(tcp::socket given, Context made) : socket(std::move(given)), context(std::move(made)) {}
  tcp::socket socket;
  Context context;
};

ModbusServer::ModbusServer(boost::asio::io_context& loop, Clock& clock, ModbusOptions options)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      acceptor_(loop),
      line_(loop),
      random_(options_.seed),
      began_(clock.now()),
      counts_timer_(clock) {
  for (const auto unit : options_.units) {
    units_.try_emplace(unit, unit);
    counts_[unit];
  }
}

ModbusServer::~ModbusServer() {
  *alive_ = false;
  boost::system::error_code ignored;
  for (const auto& connection : connections_) connection->socket.close(ignored);
  for (const int fd : {spare_, pair_[0], pair_[1]}) {
    if (fd >= 0) ::close(fd);
  }
}

void ModbusServer::start() {
  if (options_.tcp_port) {
    const tcp::endpoint here(boost::asio::ip::address_v4::loopback(), *options_.tcp_port);
    acceptor_.open(here.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(here);
    acceptor_.listen();
    accept();
  }
  if (options_.link.empty()) return;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_) != 0)
    throw std::runtime_error("no socket pair");
  rtu_.reset(modbus_new_rtu("/dev/null", 19'200, 'N', 8, 1));  // of its line only the frames are used
  modbus_set_socket(rtu_.get(), pair_[1]);
  plug(true);
}

std::uint16_t ModbusServer::port() const {
  return acceptor_.is_open() ? acceptor_.local_endpoint().port() : 0;
}

// ---- TCP

void ModbusServer::accept() {
  acceptor_.async_accept([this, alive = alive_](const boost::system::error_code& ec, tcp::socket socket) {
    if (ec || !*alive) return;
    Context context(modbus_new_tcp("127.0.0.1", 502));
    modbus_set_socket(context.get(), socket.native_handle());
    receive(*connections_.insert(std::make_shared<Connection>(std::move(socket), std::move(context))).first);
    accept();
  });
}

void ModbusServer::receive(const std::shared_ptr<Connection>& connection) {
  connection->socket.async_wait(
      tcp::socket::wait_read, [this, alive = alive_, connection](const boost::system::error_code& ec) {
        if (ec || !*alive) return;
        std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> query{};
        const int got = modbus_receive(connection->context.get(), query.data());
        if (got < 0) {  // it has gone
          connections_.erase(connection);
          return;
        }
        handle(connection->context.get(), {query.data(), static_cast<std::size_t>(got)},
               [this, connection] { receive(connection); });
      });
}

// ---- the serial line

void ModbusServer::plug(bool in) {
  std::error_code ignored;
  std::filesystem::remove(options_.link, ignored);
  if (!in) {
    boost::system::error_code ec;
    ::close(std::exchange(spare_, -1));
    line_.close(ec);
    return;
  }
  const auto [master, path] = test::open_pty();
  spare_ = ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  line_.assign(master);
  terminal_ = path;
  std::filesystem::create_symlink(terminal_, options_.link);
  heard_.clear();
  read_line();
}

void ModbusServer::read_line() {
  line_.async_read_some(boost::asio::buffer(buffer_),
                        [this, alive = alive_](const boost::system::error_code& ec, std::size_t size) {
                          if (ec || !*alive) return;
                          heard_.append(buffer_, size);
                          hear_line();
                          read_line();
                        });
}

void ModbusServer::hear_line() {
  const auto length = length_of(heard_);
  if (line_busy_ || length == 0 || heard_.size() < length) return;
  const auto frame = heard_.substr(0, length);
  heard_.clear();  // a master waits for its answer: what is behind is of nobody
  const auto unit = static_cast<unsigned char>(frame[0]);
  if (!units_.contains(unit)) return;
  std::array<std::uint8_t, MODBUS_RTU_MAX_ADU_LENGTH> query{};
  // libmodbus has one unit a line.
  modbus_set_slave(rtu_.get(), unit);
  (void)!::write(pair_[0], frame.data(), frame.size());
  const int got = modbus_receive(rtu_.get(), query.data());
  if (got <= 0) return;
  line_busy_ = true;
  handle(rtu_.get(), {query.data(), static_cast<std::size_t>(got)}, [this] {
    line_busy_ = false;
    say_line();
  });
}

// What libmodbus has answered goes to the line, where it may be broken.
void ModbusServer::say_line() {
  std::array<char, MODBUS_RTU_MAX_ADU_LENGTH> bytes{};
  const auto got = ::recv(pair_[0], bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got <= 0 || !line_.is_open()) return;
  if (std::uniform_real_distribution<double>(0, 1)(random_) < options_.bad_crc)
    bytes.at(static_cast<std::size_t>(got) - 1) ^= 0x55;
  (void)!::write(line_.native_handle(), bytes.data(), static_cast<std::size_t>(got));
}

// ---- what is asked

void ModbusServer::handle(_modbus* context, std::span<const std::uint8_t> query,
                          std::function<void()> answered) {
  const auto head = static_cast<std::size_t>(modbus_get_header_length(context));
  Asked asked{{query.begin(), query.end()}, query[head - 1], query[head], 0, 1, head};
  asked.address = static_cast<unsigned>(query[head + 1] << 8 | query[head + 2]);
  if (asked.function != MODBUS_FC_WRITE_SINGLE_COIL && asked.function != MODBUS_FC_WRITE_SINGLE_REGISTER)
    asked.count = static_cast<unsigned>(query[head + 3] << 8 | query[head + 4]);
  count(asked);
  if (!units_.contains(asked.unit) || (silent_now_ && options_.silent.contains(asked.unit)))
    return answered();
  const auto slow = options_.slow.find(asked.unit);
  if (slow == options_.slow.end()) {
    answer(context, asked);
    return answered();
  }
  const auto timer = std::make_shared<Timer>(clock_);
  late_.insert(timer);
  timer->start(slow->second, [this, context, asked, answered = std::move(answered), late = timer.get()] {
    answer(context, asked);
    answered();
    std::erase_if(late_, [late](const auto& each) { return each.get() == late; });
  });
}

bool ModbusServer::in(const std::vector<ModbusOptions::Range>& ranges, const Asked& asked) const {
  return std::any_of(ranges.begin(), ranges.end(), [&asked](const ModbusOptions::Range& range) {
    return range.unit == asked.unit && asked.address <= range.last &&
           asked.address + asked.count > range.first;
  });
}

void ModbusServer::answer(_modbus* context, const Asked& asked) {
  const auto length = static_cast<int>(asked.query.size());
  const auto exception = options_.exceptions.find(asked.unit);
  if (exception != options_.exceptions.end()) {
    modbus_reply_exception(context, asked.query.data(), exception->second);
    return;
  }
  if (in(options_.holes, asked)) {
    modbus_reply_exception(context, asked.query.data(), kIllegalAddress);
    return;
  }
  auto& unit = units_.at(asked.unit);
  unit.move(clock_.now() - began_);
  auto* holding = unit.mapping()->tab_registers;
  std::vector<std::uint16_t> before(holding, holding + unit.mapping()->nb_registers);
  modbus_reply(context, asked.query.data(), length, unit.mapping());
  if (in(options_.stuck, asked)) std::copy(before.begin(), before.end(), holding);
}

void ModbusServer::count(const Asked& asked) {
  auto& counts = counts_[asked.unit];
  const bool reads = asked.function <= MODBUS_FC_READ_INPUT_REGISTERS;
  ++(reads ? counts.reads : counts.writes);
  if (reads) counts.values += asked.count;
  if (reads && asked.address == 0) {
    ++counts.rounds;
    counts.last_round = counts.reads - std::exchange(counts.round_began, counts.reads);
  }
  if (!options_.counts.empty() && !counts_timer_.pending())
    counts_timer_.start(kCountsEvery, [this] { write_counts(); });
}

void ModbusServer::write_counts() {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [unit, counts] : counts_) {
    json[std::to_string(unit)] = {{"reads", counts.reads},
                                  {"writes", counts.writes},
                                  {"rounds", counts.rounds},
                                  {"last_round", counts.last_round},
                                  {"values", counts.values}};
  }
  auto next = options_.counts;
  next += ".next";
  std::ofstream(next) << json.dump();
  std::error_code ignored;
  std::filesystem::rename(next, options_.counts, ignored);
}

}  // namespace sluice::simulators

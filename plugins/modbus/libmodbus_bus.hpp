// A Bus over libmodbus, which blocks: its calls run on a thread of their own, so that the loop goes on
// answering. Opens the line when it is needed, and again by its name after it has gone. Used by the driver.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "plugins/modbus/bus.hpp"
#include "plugins/modbus/line_settings.hpp"

namespace sluice::modbus {

std::unique_ptr<Bus> make_libmodbus_bus(boost::asio::io_context& loop, LineSettings line);

}  // namespace sluice::modbus

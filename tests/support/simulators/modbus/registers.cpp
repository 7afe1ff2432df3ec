#include "registers.hpp"

#include <modbus/modbus.h>

#include <bit>
#include <cmath>
#include <stdexcept>

namespace sluice::simulators {
namespace {

constexpr int kRegisters = 1000, kBits = 256;

}  // namespace

ModbusRegisters::ModbusRegisters(unsigned unit)
    : unit_(unit), mapping_(modbus_mapping_new(kBits, kBits, kRegisters, kRegisters)) {
  if (mapping_ == nullptr) throw std::runtime_error("no memory for registers");
  for (int i = 0; i < kRegisters; ++i) mapping_->tab_registers[i] = static_cast<std::uint16_t>(i);
  for (int i = 0; i < kBits; ++i) mapping_->tab_bits[i] = i % 3 == 0 ? 1 : 0;
}

ModbusRegisters::~ModbusRegisters() { modbus_mapping_free(mapping_); }

void ModbusRegisters::move(Duration since_start) {
  const auto seconds = std::chrono::duration<double>(since_start).count();
  const auto counter = static_cast<std::uint16_t>(static_cast<std::uint64_t>(seconds * 10));
  auto* input = mapping_->tab_input_registers;
  for (int i = 4; i < kRegisters; ++i) input[i] = static_cast<std::uint16_t>(i + counter);
  input[0] = counter;
  const auto heat = std::bit_cast<std::uint32_t>(static_cast<float>(20 + unit_ + 2 * std::sin(seconds / 5)));
  input[1] = static_cast<std::uint16_t>(heat >> 16);
  input[2] = static_cast<std::uint16_t>(heat);
  input[3] = static_cast<std::uint16_t>(2300 + 20 * std::sin(seconds / 3));
  for (int i = 0; i < kBits; ++i) mapping_->tab_input_bits[i] = i == counter % kBits ? 1 : 0;
}

}  // namespace sluice::simulators

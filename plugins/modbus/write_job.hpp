// A command on its way into a unit: name → value, all checked before the first is written, each written, read
// back and compared. Pure. Used by Poller, which gives it the bus for one transaction at a time.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "plugins/modbus/bus.hpp"
#include "plugins/modbus/unit_state.hpp"

namespace sluice::modbus {

class WriteJob {
 public:
  // `payload`: {"setpoint": 21.5, "pump": true}. Errors: what of it cannot be written, in words.
  static result<WriteJob> make(const UnitState& unit, std::string_view payload);

  // None: it is over.
  std::optional<Request> next() const;
  void take(const Response& response);

  // When it is over. Empty: all is written, and verified where the map says so. Else in the words of the
  // contract.
  const std::string& error() const { return error_; }
  const std::string& text() const { return text_; }
  // What was read back, by point.
  struct ReadBack {
    std::size_t point;
    std::vector<std::uint16_t> raw;
  };
  const std::vector<ReadBack>& read_back() const { return read_back_; }
  std::size_t writes() const { return writes_; }

 private:
  enum class Step : std::uint8_t { look, write, verify };
  struct Write {
    std::size_t point;
    nlohmann::json value;
    std::vector<std::uint16_t> raw;
  };
  WriteJob(const UnitSettings& settings, const RegisterMap& map, std::vector<Write> todo);
  const Point& point() const { return map_->points[todo_[at_].point]; }
  void compare(const std::vector<std::uint16_t>& raw);
  void begin(std::size_t at);
  void fail(std::string error, const std::string& text);

  std::uint8_t unit_;
  Duration timeout_;
  const RegisterMap* map_;
  std::vector<Write> todo_;
  std::size_t at_ = 0;
  Step step_ = Step::write;
  unsigned looks_ = 0;
  std::vector<ReadBack> read_back_;
  std::size_t writes_ = 0;
  std::string error_, text_;
  bool over_ = false;
};

}  // namespace sluice::modbus

// What the frames of a line mean: whose they are, what they say, how they are answered. Two of them: Plain
// (by the configuration: an address somewhere in the frame) and Codec (a shared library, codec.h). Used by
// the serial driver.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::serial {

struct Reading {
  std::string address;  // on the bus; empty: the only device
  std::string topic;    // behind the device's own; empty: nothing
  std::string payload;
};

enum class Decoded : std::uint8_t { readings, nothing, bad, failed };

class Dialect {
 public:
  virtual ~Dialect() = default;
  // Frames to be sent, in order; unframed. Empty: there is nothing to say.
  using Frames = std::vector<std::string>;
  // `replies` are for at once, whatever becomes of the readings.
  virtual Decoded decode(std::string_view frame, std::vector<Reading>& readings, Frames& replies) = 0;
  virtual result<Frames> encode(const std::string& address, std::string_view topic,
                                std::string_view payload) = 0;
  virtual Frames poll(const std::string& address) = 0;
  virtual Frames ack(const std::string& address, std::string_view frame, bool taken) = 0;
};

struct PlainOptions {
  enum class Format : std::uint8_t { text, json, binary };
  Format format = Format::text;
  // Where the address of the device is: nowhere; at a JSON pointer; in the nth byte; in the nth field between
  // separators.
  enum class From : std::uint8_t { none, json, byte, field };
  From from = From::none;
  std::string pointer;
  std::size_t at = 0;
  char separator = ',';
  // With {address} and, for JSON, {seq} (what is at /seq). Bytes as in C: \r \n \t \\ \xHH.
  std::string poll, ack, nack;
};
std::unique_ptr<Dialect> make_plain(const PlainOptions& options);

// `\x02OK\r` as bytes. Error: an escape that is none.
result<std::string> unescaped(std::string_view text);

// Loads the library. Errors say what is wrong with it. `log` is for its own words.
using CodecLog = std::function<void(int level, std::string_view text)>;
result<std::unique_ptr<Dialect>> load_codec(const std::string& path, const std::string& config, CodecLog log);

}  // namespace sluice::serial

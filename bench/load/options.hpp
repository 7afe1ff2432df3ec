// What the command line of mqtt-load says. Read once in main.cpp, then constant for everybody.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::load {

enum class Mode { window, rate, count, idle, sink };
enum class Payload { zeros, json };

struct Options {
  Mode mode = Mode::window;
  std::string host = "127.0.0.1", unix_path;  // unix_path wins
  std::uint16_t port = 1883;
  bool v5 = false;
  unsigned clients = 1, first = 0;  // indexes first .. first + clients - 1
  unsigned window = 0;              // unacknowledged publishes per client; 0: 100, in mode rate 1000
  std::size_t size = 200;           // payload bytes
  unsigned qos = 1;
  double rate = 1000;               // messages per second, all clients together
  double seconds = 10, warmup = 1;  // warmup comes before the seconds
  bool seconds_given = false;
  std::uint64_t messages = 1000;  // per client, mode count
  std::uint64_t count = 0;        // mode sink: stop after so many; 0: run for the seconds
  std::string count_token;        // mode sink: what to count inside payloads; empty: messages
  std::string topic = "load/%c";
  std::string client_prefix = "load-", username, password;
  Payload payload = Payload::zeros;
  std::uint16_t keep_alive = 60;
  unsigned sources = 0;     // local addresses 127.0.0.2 ... to dial from; 0: as many as the ports demand
  unsigned parallel = 200;  // handshakes at the same time
  bool persistent = false;  // clean session off
  bool reconnect = false;   // dial again when the connection is lost, send again what is not acknowledged
  std::string log;
  bool json = false;
};

// Ends the program with usage on stderr (exit code 64) if the arguments make no sense.
Options read_options(int argc, char** argv);

const char* name(Mode mode);

// %c becomes the client's index, %s the running number (`seq`, a text of constant width).
std::string expand(const std::string& pattern, unsigned client, const std::string& seq = "");

}  // namespace sluice::load

// Where results go: named numbers to stdout, lines of acknowledged messages to a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/options.hpp"

namespace sluice::load {

class Report {
 public:
  explicit Report(const Options& options) : options_(options) {}
  void add(const char* key, double value) { rows_.emplace_back(key, value); }
  // One JSON object on one line, or a table. Adds what the program itself used of the processor.
  void print();

 private:
  const Options& options_;
  std::vector<std::pair<const char*, double>> rows_;
};

// Lines "client-id seq", collected and written in large pieces, never synced.
class Lines {
 public:
  explicit Lines(const std::string& path);  // ends the program if the file cannot be made
  ~Lines() { write(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void line(std::string_view client_id, std::uint64_t seq);
  void write();

 private:
  std::string buffer_;
  int fd_ = -1;
};

}  // namespace sluice::load

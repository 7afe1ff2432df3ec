// The rows of `sluicectl check`: what was looked at, how it is, and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/options.hpp"

namespace sluice::ctl {

class Client;
struct Context;

struct Finding {
  enum class Kind { pass, warn, fail, skip };
  Kind kind = Kind::pass;
  std::string name;  // stable: scripts look for it
  std::string text;
};
std::string_view to_string(Finding::Kind kind);

class CheckReport {
 public:
  void pass(std::string name, std::string text) {
    add(Finding::Kind::pass, std::move(name), std::move(text));
  }
  void warn(std::string name, std::string text) {
    add(Finding::Kind::warn, std::move(name), std::move(text));
  }
  void fail(std::string name, std::string text) {
    add(Finding::Kind::fail, std::move(name), std::move(text));
  }
  void skip(std::string name, std::string text) {
    add(Finding::Kind::skip, std::move(name), std::move(text));
  }
  const std::vector<Finding>& findings() const { return findings_; }
  bool failed() const;

 private:
  void add(Finding::Kind kind, std::string name, std::string text) {
    findings_.push_back({kind, std::move(name), std::move(text)});
  }
  std::vector<Finding> findings_;
};

// All of it, and the words for a person.
CheckReport make_check_report(Context& context);
std::string check_text(const CheckReport& report);

// Each looks at one side of the machine and adds its rows.
void check_clock(CheckReport& report, const Clock& clock);
void check_endpoint(CheckReport& report, const Options& options);  // check_endpoint.cpp
void check_certificates(CheckReport& report, const Options& options,
                        const Clock& clock);  // check_certificates.cpp
void check_permissions(CheckReport& report, const Options& options);
void check_disk(CheckReport& report, const Options& options);
void check_daemon(CheckReport& report, Client& client);
void check_identity(CheckReport& report, const Options& options, Client& client,
                    const Clock& clock);  // check_identity.cpp

}  // namespace sluice::ctl

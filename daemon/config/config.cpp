#include "config/config.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "config/reader.hpp"

namespace sluice::config {
namespace {

void by_place(std::vector<Problem>& list) {
  std::sort(list.begin(), list.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column, a.key, a.text) < std::tie(b.line, b.column, b.key, b.text);
  });
}

// Keys and values come from the file: one line each, whatever is in them.
std::string one_line(std::string_view text) {
  constexpr std::size_t kMost = 600;
  std::string out(text.substr(0, kMost));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return out;
}

std::string owner_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return std::to_string(uid);
}

std::string mode_text(mode_t mode) {
  std::string text = "0000";
  for (std::size_t i = 0; i < 4; ++i) text[3 - i] = static_cast<char>('0' + ((mode >> (3 * i)) & 7U));
  return text;
}

// "No such file", or why not and whose it is.
Error unreadable(const std::filesystem::path& path, int error) {
  std::string text = "cannot read config " + path.string() + ": " + std::strerror(error);
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    text += " (owner " + owner_name(info.st_uid) + ", mode " + mode_text(info.st_mode) + "; this is user " +
            owner_name(::geteuid()) + ")";
  }
  return {errc::io, std::move(text)};
}

struct File {
  int fd = -1;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Parsed parse_config(std::string_view yaml, std::string_view file_name) {
  Parsed out;
  const auto root = read_document(yaml, out.problems);
  if (!out.problems.empty()) return out;
  Findings findings;
  read_options(root, std::filesystem::path(file_name).parent_path(), out.options, findings);
  check_cloud(out.options, findings);
  check_provisioning(out.options, findings);
  check_listeners(out.options, findings);
  check_devices(out.options, findings);
  check_routes(out.options, findings);
  check_adapters(out.options, findings);
  out.problems = std::move(findings.problems);
  out.warnings = std::move(findings.warnings);
  by_place(out.problems);
  by_place(out.warnings);
  return out;
}

result<Parsed> load_config(const std::filesystem::path& path) {
  const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info{};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) return unreadable(path, errno);
  if (!S_ISREG(info.st_mode))
    return Error{errc::io, "cannot read config " + path.string() + ": not a regular file"};
  std::string text;
  std::array<char, 65536> chunk{};
  for (;;) {
    const auto got = ::read(file.fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, errno);
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxTextBytes) {
      return Error{errc::invalid_argument,
                   "config " + path.string() + " is larger than " + std::to_string(kMaxTextBytes) + " bytes"};
    }
  }
  auto parsed = parse_config(text, path.string());
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    parsed.warnings.insert(parsed.warnings.begin(),
                           {1, 1, "",
                            "others than its owner " + owner_name(info.st_uid) +
                                " may write this file (mode " + mode_text(info.st_mode) + "): chmod go-w"});
  }
  return parsed;
}

std::string format_problems(std::string_view file_name, const std::vector<Problem>& problems) {
  std::string out;
  for (const auto& p : problems) {
    out += std::string(file_name) + ":" + std::to_string(p.line) + ":" + std::to_string(p.column) + ": ";
    if (!p.key.empty()) out += one_line(p.key) + ": ";
    out += one_line(p.text) + "\n";
  }
  return out;
}

}  // namespace sluice::config

// check: clock, files, disk, and the daemon itself.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "check_report.hpp"
#include "client.hpp"
#include "commands.hpp"
#include "json_fields.hpp"

namespace sluice::ctl {
namespace {

constexpr std::uint64_t kEnoughDescriptors = 4096;

void check_secret(CheckReport& report, const std::filesystem::path& path, unsigned& good) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    const auto error = errno;
    report.fail("permissions", fmt::format("{}: {}{}", path.string(), std::strerror(error),
                                           error == EACCES ? ": run this with sudo" : ""));
  } else if ((info.st_mode & 0007U) != 0) {
    report.fail("permissions", fmt::format("{} is open to everybody (mode {:04o}): chmod 0640 {}",
                                           path.string(), info.st_mode & 07777U, path.string()));
  } else if ((info.st_mode & 0030U) != 0) {
    report.warn("permissions", fmt::format("{}: its group may change it (mode {:04o}): chmod g-wx {}",
                                           path.string(), info.st_mode & 07777U, path.string()));
  } else {
    ++good;
  }
}

std::optional<std::uint64_t> open_file_limit(pid_t pid) {
  std::ifstream limits(fmt::format("/proc/{}/limits", pid));
  for (std::string line; std::getline(limits, line);) {
    if (!line.starts_with("Max open files")) continue;
    std::uint64_t soft = 0;
    return std::sscanf(line.c_str(), "Max open files %lu", &soft) == 1 ? std::optional(soft) : std::nullopt;
  }
  return {};
}

}  // namespace

void check_clock(CheckReport& report, const Clock& clock) {
  if (!clock.wall_is_plausible()) {
    report.fail("clock",
                "the clock is before the year 2026: TLS cannot work; set it, or wait for NTP: timedatectl");
    return;
  }
  timex state{};
  if (::adjtimex(&state) == TIME_ERROR || (static_cast<unsigned>(state.status) & STA_UNSYNC) != 0) {
    report.warn("clock",
                "plausible, but nothing keeps it true: install and start chrony or systemd-timesyncd");
  } else {
    report.pass("clock", "plausible and kept by NTP");
  }
}

void check_permissions(CheckReport& report, const Options& options) {
  std::set<std::filesystem::path> secrets;
  secrets.insert(options.cloud.tls.key);
  const auto& provisioning = options.cloud.provisioning;
  for (const auto* secret : {&provisioning.token_file, &provisioning.api_key_file, &provisioning.claim.key,
                             &provisioning.issuer.key})
    secrets.insert(*secret);
  for (const auto& listener : options.listen) secrets.insert(listener.tls.key);
  for (const auto& device : options.devices) {
    secrets.insert(device.certificate.key);
    secrets.insert(device.token_file);
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options.certificates, ignored)) {
    if (entry.path().extension() == ".key") secrets.insert(entry.path());
  }
  secrets.erase(std::filesystem::path());
  unsigned good = 0;
  for (const auto& secret : secrets) check_secret(report, secret, good);
  if (good > 0) report.pass("permissions", fmt::format("{} keys and tokens are closed to others", good));
}

void check_disk(CheckReport& report, const Options& options) {
  const auto& directory = options.store.directory;
  struct statvfs disk{};
  if (::statvfs(directory.c_str(), &disk) != 0) {
    const auto error = errno;
    if (error == ENOENT) {
      report.warn("disk", fmt::format("{} does not exist yet: sluiced makes it at its first start",
                                      directory.string()));
    } else {
      report.fail("disk", fmt::format("{}: {}", directory.string(), std::strerror(error)));
    }
    return;
  }
  const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  std::uint64_t used = 0;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(directory, unreadable)) {
    std::error_code ignored;
    const auto size = entry.file_size(ignored);
    if (!ignored) used += size;
  }
  // SQLite's pages and its write-ahead log take more than the readings themselves.
  const auto needed = options.store.max_bytes + options.store.max_bytes / 5 + (64ULL << 20);
  const auto text = fmt::format("{} free for {}; store.max is {}", bytes_in_words(free), directory.string(),
                                bytes_in_words(options.store.max_bytes));
  if (free < (32ULL << 20)) {
    report.fail("disk", text + ": make room now");
  } else if (free + used < needed) {
    report.warn("disk", text + ": the disk would be full before the store: make room, or lower store.max");
  } else if (disk.f_files > 0 && disk.f_favail == 0) {
    report.fail("disk", text + ", but no inodes are left");
  } else {
    report.pass("disk", text);
  }
}

void check_daemon(CheckReport& report, Client& client) {
  const auto answer = client.ask("status");
  if (!answer.good) {
    report.fail("daemon", answer.text);
    report.skip("store", "only the running daemon knows");
    report.skip("descriptors", "only for the running daemon");
    return;
  }
  const auto troubles = troubles_in_words(answer.result);
  for (const auto& trouble : troubles) report.warn("daemon", trouble);
  if (troubles.empty()) {
    report.pass("daemon", fmt::format("sluiced {} runs, up {}", text_of(answer.result, "version"),
                                      duration_in_words(number_of(answer.result, "uptime_s"))));
  }
  const auto store = object_of(answer.result, "store");
  if (store.value("writable", false)) {
    report.pass("store", fmt::format("writable; a commit takes {:.1f} ms (p99 {:.1f} ms)",
                                     number_of(store, "commit_ms_p50"), number_of(store, "commit_ms_p99")));
  } else {
    report.fail("store", "not writable, nothing is acknowledged to devices: " + text_of(store, "trouble"));
  }
  const auto limit = client.daemon() ? open_file_limit(*client.daemon()) : std::nullopt;
  if (!limit) {
    report.skip("descriptors", "the limits of another user's process: run this with sudo");
  } else if (*limit < kEnoughDescriptors) {
    report.warn(
        "descriptors",
        fmt::format("sluiced may open {} files and connections: raise LimitNOFILE in the unit", *limit));
  } else {
    report.pass("descriptors", fmt::format("sluiced may open {} files and connections", in_words(*limit)));
  }
}

}  // namespace sluice::ctl

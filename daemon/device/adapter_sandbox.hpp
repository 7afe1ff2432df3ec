// What an adapter's process may do: resource limits, Landlock (files, signals, TCP), seccomp (system calls).
// Prepared by the daemon, put on by the child between fork and exec, where only system calls are allowed.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/adapter_plan.hpp"

namespace sluice::device {

struct SandboxWish {
  bool enabled = true;
  bool network = false;
  std::uint64_t memory = 0;  // 0: no limit
  std::uint32_t open_files = 64;
  std::uint32_t processes = 1;
  std::filesystem::path executable;
  std::vector<AdapterGrant> grants;
};

class Sandbox {
 public:
  explicit Sandbox(const SandboxWish& wish);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // What holds, in words for the log and the status: "landlock 7, seccomp"; and what this kernel lacks.
  const std::string& words() const { return words_; }
  const std::string& missing() const { return missing_; }

  // In the child only; async-signal-safe. 0, or errno and which step it was.
  int put_on(const char*& step) noexcept;

 private:
  void prepare_landlock(const SandboxWish& wish);
  void allow(const std::filesystem::path& path, std::uint64_t rights) const;
  void prepare_seccomp(const SandboxWish& wish);

  SandboxWish wish_;
  std::string words_, missing_;
  int ruleset_ = -1;
  std::uint64_t handled_ = 0;
  std::vector<sock_filter> filter_;
  std::vector<std::size_t> own_pid_at_;  // filter instructions that compare with the child's pid
};

}  // namespace sluice::device

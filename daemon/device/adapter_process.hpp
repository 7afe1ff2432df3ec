// The process of an adapter: started without a descriptor or signal of ours, in a process group of its own,
// killed when we die; watched through a pidfd. Used by the supervision (Adapter) and by adapter_describe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "device/adapter_sandbox.hpp"

namespace sluice::device {

// Closed with its owner.
class Handle {
 public:
  Handle() = default;
  explicit Handle(int fd) : fd_(fd) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : fd_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

struct ProcessWish {
  std::filesystem::path executable;
  std::vector<std::string> arguments, environment;
  std::string input;  // its stdin, whole
};

struct Exit {
  bool by_signal = false;
  int number = 0;  // exit code, or signal
  std::string text() const;
};

struct Usage {
  std::uint64_t resident = 0;  // bytes
  std::uint64_t cpu_ms = 0;
  std::uint32_t processes = 1;  // in its group
};

class Process {
 public:
  // Returns when the child has called exec, or why it could not.
  static result<Process> start(const ProcessWish& wish, Sandbox& sandbox);
  Process(Process&&) noexcept = default;
  Process& operator=(Process&&) noexcept = default;
  // Kills what is left of the group.
  ~Process();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  Handle out, err;

  // To the whole group.
  void signal(int number) const;
  // Ended? Then also everything that it has left behind is killed.
  bool ended(Exit& exit);
  // False: it has gone.
  bool measure(Usage& usage, bool count_processes) const;
  bool owns(pid_t peer) const;

 private:
  Process() = default;
  pid_t pid_ = 0;
  Handle pidfd_;
  bool reaped_ = false;
};

// The environment of adapters.
std::vector<std::string> adapter_environment(const std::string& name);

}  // namespace sluice::device

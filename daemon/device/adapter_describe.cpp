#include "device/adapter_describe.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "device/adapter_executable.hpp"
#include "device/adapter_process.hpp"

namespace sluice::device {
namespace {

constexpr int kSeconds = 5;
constexpr std::size_t kMostOutput = 256 * 1024, kMostComplaint = 512;

// Takes what is there; false: the end.
bool take(Handle& pipe, std::string& text, std::size_t most) {
  std::array<char, 16384> bytes{};
  const auto got = ::read(pipe.get(), bytes.data(), bytes.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (text.size() < most) text.append(bytes.data(), static_cast<std::size_t>(got));
  return got > 0;
}

}  // namespace

result<std::string> describe_adapter(const std::filesystem::path& directory, const std::string& kind) {
  const auto executable = adapter_executable(directory, kind);
  if (!executable) return executable.error();
  SandboxWish wish;
  wish.memory = 512ULL << 20;
  wish.executable = *executable;
  Sandbox sandbox(wish);
  auto process = Process::start(
      {*executable, {executable->string(), "--describe"}, adapter_environment(kind), ""}, sandbox);
  if (!process) return process.error();
  // The deadline is a descriptor like the others.
  const Handle deadline(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec when{{0, 0}, {kSeconds, 0}};
  if (deadline.get() < 0 || ::timerfd_settime(deadline.get(), 0, &when, nullptr) != 0)
    return Error{errc::io, "no timer to wait for an adapter's description"};

  std::string said, complaint;
  Exit exit;
  bool gone = false;
  while (!gone || process->out.get() >= 0) {
    std::array<pollfd, 4> wait = {
        pollfd{process->out.get(), POLLIN, 0}, pollfd{process->err.get(), POLLIN, 0},
        pollfd{gone ? -1 : process->pidfd(), POLLIN, 0}, pollfd{deadline.get(), POLLIN, 0}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return Error{errc::io, "poll failed"};
    if (wait[0].revents != 0 && !take(process->out, said, kMostOutput + 1)) process->out.reset();
    if (wait[1].revents != 0 && !take(process->err, complaint, kMostComplaint)) process->err.reset();
    if (wait[2].revents != 0) gone = process->ended(exit);
    if (said.size() > kMostOutput)
      return Error{errc::full,
                   fmt::format("adapter {} --describe says more than {} bytes", kind, kMostOutput)};
    if (wait[3].revents != 0)
      return Error{errc::timeout,
                   fmt::format("adapter {} --describe does not end within {} s", kind, kSeconds)};
  }
  while (!complaint.empty() && complaint.back() == '\n') complaint.pop_back();
  complaint.resize(std::min(complaint.size(), kMostComplaint));
  if (exit.by_signal || exit.number != 0) {
    return Error{errc::refused, fmt::format("adapter {} --describe failed: {}{}{}", kind, exit.text(),
                                            complaint.empty() ? "" : ": ", complaint)};
  }
  return said;
}

}  // namespace sluice::device

#include "device/adapter_process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace sluice::device {
namespace {

constexpr unsigned kCloseRangeCloexec = 4;

std::string words(int error) { return std::generic_category().message(error); }

// What the child says when it cannot become the adapter.
struct Stumble {
  int error = 0;
  std::array<char, 16> step{};
};

struct Pipe {
  Handle read, write;
};

result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error{errc::io, "no pipe for an adapter: " + words(errno)};
  Pipe pipe;
  pipe.read = Handle(ends[0]);
  pipe.write = Handle(ends[1]);
  return pipe;
}

// A file in memory instead of a pipe: whole at once, however long, and nobody has to wait for the reader.
result<Handle> make_input(const std::string& text) {
  Handle file(::memfd_create("adapter-stdin", MFD_CLOEXEC));
  std::size_t sent = 0;
  while (file.get() >= 0 && sent < text.size()) {
    const auto n = ::write(file.get(), text.data() + sent, text.size() - sent);
    if (n <= 0) return Error{errc::io, "no memory for an adapter's start object: " + words(errno)};
    sent += static_cast<std::size_t>(n);
  }
  if (file.get() < 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return Error{errc::io, "no memory file for an adapter's start object: " + words(errno)};
  return file;
}

struct Child {
  int in, out, err, trouble;
  pid_t parent;
  const char* path;
  char* const* arguments;
  char* const* environment;
};

// Between fork and exec of a process with threads: system calls only, nothing that may lock or allocate.
[[noreturn]] void become(const Child& child, Sandbox& sandbox) noexcept {
  Stumble stumble;
  const auto give_up = [&](const char* step, int error) {
    stumble.error = error;
    for (std::size_t i = 0; step[i] != '\0' && i + 1 < stumble.step.size(); ++i) stumble.step[i] = step[i];
    (void)!::write(child.trouble, &stumble, sizeof stumble);
    ::_exit(127);
  };
  // Our handlers write to our loop: none of them may run here.
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  if (::setpgid(0, 0) != 0) give_up("setpgid", errno);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up("pdeathsig", errno);
  if (::getppid() != child.parent) ::_exit(127);  // it died before we asked to be told
  ::umask(077);
  if (::chdir("/") != 0) give_up("chdir", errno);
  // The sources may be 0, 1 or 2 themselves: out of the way first.
  const int in = ::fcntl(child.in, F_DUPFD, 3), out = ::fcntl(child.out, F_DUPFD, 3),
            err = ::fcntl(child.err, F_DUPFD, 3);
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) give_up("dup2", errno);
  if (::syscall(SYS_close_range, 3U, ~0U, kCloseRangeCloexec) != 0) {
    for (int fd = 3; fd < 65'536; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  const char* step = "";
  if (const int error = sandbox.put_on(step); error != 0) give_up(step, error);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(child.path, child.arguments, child.environment);
  give_up("exec", errno);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Field n (from 1) of /proc/<pid>/stat; those before the name's closing bracket do not count.
bool stat_fields(const std::string& path, std::array<std::uint64_t, 64>& fields) {
  const Handle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> bytes{};
  const auto got = file.get() < 0 ? -1 : ::read(file.get(), bytes.data(), bytes.size());
  if (got <= 0) return false;
  std::string_view text(bytes.data(), static_cast<std::size_t>(got));
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return false;
  text.remove_prefix(name_end + 1);
  for (std::size_t n = 3; n < fields.size() && !text.empty(); ++n) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto field = text.substr(0, text.find(' '));
    fields[n] = 0;
    std::from_chars(field.data(), field.data() + field.size(), fields[n]);
    text.remove_prefix(field.size());
  }
  return true;
}

constexpr std::size_t kGroup = 5, kUserTime = 14, kSystemTime = 15, kResident = 24;

}  // namespace

void Handle::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string Exit::text() const {
  if (!by_signal) return fmt::format("exit code {}", number);
  const auto* name = ::sigabbrev_np(number);
  return fmt::format("signal {}{}", number, name == nullptr ? "" : fmt::format(" (SIG{})", name));
}

result<Process> Process::start(const ProcessWish& wish, Sandbox& sandbox) {
  auto input = make_input(wish.input);
  if (!input) return input.error();
  auto out = make_pipe(), err = make_pipe(), trouble = make_pipe();
  for (const auto* pipe : {&out, &err, &trouble}) {
    if (!*pipe) return pipe->error();
  }
  auto arguments = wish.arguments, environment = wish.environment;
  const auto argument_pointers = pointers(arguments), environment_pointers = pointers(environment);
  const auto path = wish.executable.string();
  const Child child{input->get(), out->write.get(), err->write.get(),         trouble->write.get(),
                    ::getpid(),   path.c_str(),     argument_pointers.data(), environment_pointers.data()};
  // No signal may find the child with our handlers.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(child, sandbox);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error{errc::io, "an adapter cannot be started: fork: " + words(fork_error)};

  Process made;
  made.pid_ = pid;
  made.pidfd_ = Handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  made.out = std::move(out->read);
  made.err = std::move(err->read);
  trouble->write.reset();
  Stumble stumble;
  ssize_t got = 0;
  do {
    got = ::read(trouble->read.get(), &stumble, sizeof stumble);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof stumble) {
    return Error{
        errc::io,
        fmt::format("{} cannot be started: {}: {}{}", path, stumble.step.data(), words(stumble.error),
                    stumble.error == ENOENT ? " (or the interpreter in its first line)" : "")};
  }
  if (made.pidfd_.get() < 0)
    return Error{errc::io, "an adapter cannot be watched: pidfd_open: " + words(errno)};
  ::fcntl(made.out.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(made.err.get(), F_SETFL, O_NONBLOCK);
  return made;
}

Process::~Process() {
  if (pidfd_.get() < 0 || reaped_) return;  // moved from, or done
  signal(SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

void Process::signal(int number) const {
  if (!reaped_ && pid_ > 0) ::kill(-pid_, number);
}

bool Process::ended(Exit& exit) {
  siginfo_t info{};
  // Looked at but not yet reaped: until then nobody else can get the number of its group.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
    return false;
  ::kill(-pid_, SIGKILL);
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
  reaped_ = true;
  exit.by_signal = info.si_code != CLD_EXITED;
  exit.number = info.si_status;
  return true;
}

bool Process::measure(Usage& usage, bool count_processes) const {
  std::array<std::uint64_t, 64> fields{};
  if (!stat_fields(fmt::format("/proc/{}/stat", pid_), fields)) return false;
  usage.resident = fields[kResident] * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  usage.cpu_ms =
      (fields[kUserTime] + fields[kSystemTime]) * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  usage.processes = 1;
  if (!count_processes) return true;
  auto* folder = ::opendir("/proc");
  if (folder == nullptr) return true;
  while (const auto* entry = ::readdir(folder)) {
    const std::string_view name(entry->d_name);
    pid_t pid = 0;
    const auto number = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (number.ptr != name.data() + name.size() || pid == pid_) continue;
    std::array<std::uint64_t, 64> other{};
    if (!stat_fields(fmt::format("/proc/{}/stat", pid), other) ||
        other[kGroup] != static_cast<std::uint64_t>(pid_))
      continue;
    ++usage.processes;
    usage.resident += other[kResident] * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    usage.cpu_ms +=
        (other[kUserTime] + other[kSystemTime]) * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  }
  ::closedir(folder);
  return true;
}

bool Process::owns(pid_t peer) const { return peer > 0 && (peer == pid_ || ::getpgid(peer) == pid_); }

std::vector<std::string> adapter_environment(const std::string& name) {
  std::vector<std::string> out = {"PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED=1",
                                  "PYTHONDONTWRITEBYTECODE=1", "SLUICE_ADAPTER=" + name};
  for (const auto* inherited : {"LANG", "TZ"}) {
    if (const auto* value = std::getenv(inherited)) out.push_back(std::string(inherited) + "=" + value);
  }
  return out;
}

}  // namespace sluice::device

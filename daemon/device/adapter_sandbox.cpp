#include "device/adapter_sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "device/adapter_executable.hpp"

namespace sluice::device {
namespace {

namespace fs = std::filesystem;

// From linux/landlock.h of Linux 6.12: Debian's headers are older than the kernels we meet.
constexpr std::uint64_t kExecute = 1, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3,
                        kIoctlDevice = 1 << 15;
constexpr std::uint64_t kAllOfFirst = (1 << 13) - 1, kRefer = 1 << 13, kTruncate = 1 << 14;
constexpr std::uint64_t kBindTcp = 1, kConnectTcp = 1 << 1;
constexpr std::uint64_t kScopeAbstractSocket = 1, kScopeSignal = 1 << 1;
constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kIoctlDevice | kTruncate;

struct RulesetAttr {
  std::uint64_t fs, net, scoped;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t rights;
  std::int32_t fd;
};

constexpr std::array kReadAndRun = {"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"};
// Not /etc as a whole: the gateway's own secrets are there.
constexpr std::array kRead = {"/etc/ld.so.cache", "/etc/ld.so.preload",     "/etc/localtime",
                              "/etc/timezone",    "/etc/resolv.conf",       "/etc/hosts",
                              "/etc/host.conf",   "/etc/gai.conf",          "/etc/nsswitch.conf",
                              "/etc/services",    "/etc/protocols",         "/etc/passwd",
                              "/etc/group",       "/etc/ssl/certs",         "/etc/ssl/openssl.cnf",
                              "/etc/python3",     "/sys/devices/system/cpu"};
constexpr std::array kDevices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

int landlock_abi() { return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1)); }

int set_limit(int what, rlim_t value) {
  const rlimit limit{value, value};
  return ::setrlimit(static_cast<__rlimit_resource_t>(what), &limit);
}

}  // namespace

Sandbox::Sandbox(const SandboxWish& wish) : wish_(wish) {
  if (!wish.enabled) {
    missing_ = "switched off in the configuration";
    words_ = "none";
    return;
  }
  prepare_landlock(wish);
  prepare_seccomp(wish);
  if (words_.empty()) words_ = "none";
}

Sandbox::~Sandbox() {
  if (ruleset_ >= 0) ::close(ruleset_);
}

void Sandbox::prepare_landlock(const SandboxWish& wish) {
  const int abi = landlock_abi();
  if (abi < 1) {
    missing_ = "this kernel has no Landlock: the adapter can read and write what the daemon can";
    return;
  }
  RulesetAttr attr{kAllOfFirst, 0, 0};
  if (abi >= 2) attr.fs |= kRefer;
  if (abi >= 3) attr.fs |= kTruncate;
  if (abi >= 4 && !wish.network) attr.net = kBindTcp | kConnectTcp;
  if (abi >= 5) attr.fs |= kIoctlDevice;
  if (abi >= 6) attr.scoped = kScopeAbstractSocket | kScopeSignal;
  if (abi < 6)
    missing_ =
        fmt::format("Landlock {} of this kernel does not confine signals (Linux 6.12 does){}", abi,
                    abi < 3 ? ", nor truncating files (Linux 6.2 does): seccomp alone keeps it off" : "");
  ruleset_ = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0));
  if (ruleset_ < 0 && errno == E2BIG)  // a kernel that does not know the later fields takes the first alone
    ruleset_ = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.fs, 0));
  if (ruleset_ < 0) {
    missing_ = fmt::format("Landlock cannot be used: {}", std::generic_category().message(errno));
    return;
  }
  handled_ = attr.fs;
  words_ = fmt::format("landlock {}", abi);
  for (const auto* path : kReadAndRun) allow(path, kExecute | kReadFile | kReadDir);
  for (const auto* path : kRead) allow(path, kReadFile | kReadDir);
  for (const auto* path : kDevices) allow(path, kReadFile | kWriteFile);
  allow(wish.executable, kExecute | kReadFile);
  if (const auto home = interpreter_home(wish.executable); !home.empty())
    allow(home, kExecute | kReadFile | kReadDir);
  for (const auto& grant : wish.grants) {
    const fs::path path(grant.path);
    if (grant.kind != AdapterGrant::Kind::device) {
      allow(path, kReadFile | kReadDir | (grant.kind == AdapterGrant::Kind::executable ? kExecute : 0));
      continue;
    }
    // Rules stick to inodes, and a device that was unplugged comes back as another one: the folders are what
    // stays, that of the name and that of what it leads to. Where it leads to is not known while it is away,
    // and udev makes /dev/serial anew when the last line has gone: then /dev.
    std::error_code ec;
    const auto rights = kReadFile | kWriteFile | kReadDir | kIoctlDevice;
    const auto target = fs::canonical(path, ec);
    if (ec || path.string().starts_with("/dev/serial/")) allow("/dev", rights);
    for (const auto& folder : {path.parent_path(), target.parent_path()}) {
      if (!folder.empty() && folder != "/") allow(folder, rights);
    }
  }
}

void Sandbox::allow(const fs::path& path, std::uint64_t rights) const {
  const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return;  // what is not there needs no rule
  struct stat info{};
  rights &= handled_;
  if (::fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode)) rights &= kOfFiles;
  const PathBeneath rule{rights, fd};
  if (rights != 0) (void)::syscall(SYS_landlock_add_rule, ruleset_, 1, &rule, 0);
  ::close(fd);
}

int Sandbox::put_on(const char*& step) noexcept {
  step = "limits";
  if (set_limit(RLIMIT_CORE, 0) != 0 || set_limit(RLIMIT_NOFILE, wish_.open_files) != 0) return errno;
  if (wish_.memory != 0 && set_limit(RLIMIT_DATA, wish_.memory) != 0) return errno;
  // The daemon's loop goes first when the machine is short of CPU.
  if (::setpriority(PRIO_PROCESS, 0, 5) != 0) return errno;
  step = "no_new_privs";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (ruleset_ >= 0) {
    step = "landlock";
    // Its own half of /proc: only the child knows which that is.
    const int self = ::open("/proc/self", O_PATH | O_CLOEXEC);
    if (self >= 0) {
      const PathBeneath rule{kReadFile | kReadDir, self};
      (void)::syscall(SYS_landlock_add_rule, ruleset_, 1, &rule, 0);
      ::close(self);
    }
    if (::syscall(SYS_landlock_restrict_self, ruleset_, 0) != 0) return errno;
  }
  if (!filter_.empty()) {
    step = "seccomp";
    // The vector is this process's own copy since the fork.
    for (const auto at : own_pid_at_) filter_[at].k = static_cast<std::uint32_t>(::getpid());
    const sock_fprog program{static_cast<unsigned short>(filter_.size()), filter_.data()};
    if (::syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, &program) != 0) return errno;
  }
  return 0;
}

}  // namespace sluice::device

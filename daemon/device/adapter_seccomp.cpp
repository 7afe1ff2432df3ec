// The system calls that an adapter has no use for: the seccomp half of the sandbox. A list of what is
// refused, not of what is allowed: adapters come in any language.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "device/adapter_sandbox.hpp"

namespace sluice::device {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_AARCH64;
#elif defined(__arm__)
constexpr std::uint32_t kArch = AUDIT_ARCH_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t kArch = AUDIT_ARCH_RISCV64;
#else
constexpr std::uint32_t kArch = 0;
#endif

// Newer than Debian's headers; the same number on every machine.
constexpr int kFchmodat2 = 452, kSetxattrat = 463, kRemovexattrat = 466, kFileSetattr = 469;

constexpr int kRefused[] = {
    // another process's memory, and the kernel's doors
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_kcmp,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_syslog,
    // administering the machine
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_acct,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_personality,
    // The daemon's files are its own uid's, and Landlock knows no right to change a mode, an owner, a time or
    // an attribute; before Linux 6.2 none to truncate, either. (ftruncate needs a file that Landlock let it
    // open for writing, or memory of its own.)
    SYS_truncate,
    SYS_fchmod,
    SYS_fchmodat,
    kFchmodat2,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    kSetxattrat,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    kRemovexattrat,
    kFileSetattr,
#if defined(SYS_chmod)
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utimes,
    SYS_futimesat,
#endif
#if defined(SYS_utime)
    SYS_utime,
#endif
#if defined(SYS_truncate64)
    SYS_truncate64,
#endif
#if defined(SYS_chown32)
    SYS_chown32,
    SYS_lchown32,
    SYS_fchown32,
#endif
#if defined(SYS_utimensat_time64)
    SYS_utimensat_time64,
#endif
    // nor who of the same uid gets the CPU
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_sched_setaffinity,
#if defined(SYS_setrlimit)
    SYS_setrlimit,
#endif
    // its process group is how the daemon knows and ends it
    SYS_setsid,
    SYS_setpgid,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
#endif
};

class Program {
 public:
  std::vector<sock_filter> code;

  void load(std::size_t offset) {
    code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  // Skips `n` instructions when equal / not equal.
  void skip_if(std::uint32_t value, std::uint8_t n) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, n, 0));
  }
  void skip_unless(std::uint32_t value, std::uint8_t n) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n));
  }
  void skip_unless_set(std::uint32_t bits, std::uint8_t n) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, n));
  }
  void give(std::uint32_t answer) { code.push_back(BPF_STMT(BPF_RET | BPF_K, answer)); }
  void refuse(int error) { give(SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA)); }
};

constexpr std::size_t kNumber = offsetof(seccomp_data, nr), kArchitecture = offsetof(seccomp_data, arch);
constexpr std::size_t argument(std::size_t n) {
  return offsetof(seccomp_data, args) + 8 * n;
}  // little-endian: low half

// Truncating with an open that is not for writing asks Landlock, before Linux 6.2, for no right to write.
void refuse_to_empty(Program& p, int number, std::size_t flags) {
  constexpr int kNeither = 3;  // the access mode that Linux takes for ioctl alone
  p.skip_unless(static_cast<std::uint32_t>(number), 6);
  p.load(argument(flags));
  p.code.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE | O_TRUNC));
  p.skip_if(O_RDONLY | O_TRUNC, 1);
  p.skip_unless(kNeither | O_TRUNC, 1);
  p.refuse(EPERM);
  p.give(SECCOMP_RET_ALLOW);
}

// Limits: its own, to read. (Not to dump core is what sanitizers set for themselves.)
void refuse_limits(Program& p) {
  constexpr std::size_t kProcess = 0, kWhat = 1, kNew = 2;
  p.skip_unless(SYS_prlimit64, 11);
  p.load(argument(kProcess));
  p.skip_if(0, 1);
  p.refuse(EPERM);
  p.load(argument(kWhat));
  p.skip_if(RLIMIT_CORE, 5);
  p.load(argument(kNew));
  p.skip_unless(0, 2);
  p.load(argument(kNew) + 4);
  p.skip_if(0, 1);
  p.refuse(EPERM);
  p.give(SECCOMP_RET_ALLOW);
}

}  // namespace

void Sandbox::prepare_seccomp(const SandboxWish& wish) {
  const bool can = kArch != 0 && ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
  if (!can) {
    missing_ += (missing_.empty() ? "" : "; ") + std::string(
                                                     "no seccomp on this kernel or machine: the adapter can "
                                                     "change the daemon's files' modes and times");
    return;
  }
  Program p;
  p.load(kArchitecture);
  p.skip_if(kArch, 1);
  p.give(SECCOMP_RET_KILL_PROCESS);
  p.load(kNumber);
#if defined(__x86_64__)
  p.code.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));  // x32
  p.refuse(ENOSYS);
#endif
  for (const int number : kRefused) {
    p.skip_unless(static_cast<std::uint32_t>(number), 1);
    p.refuse(EPERM);
  }
#if defined(SYS_open)
  refuse_to_empty(p, SYS_open, 1);
#endif
  refuse_to_empty(p, SYS_openat, 2);
  p.skip_unless(SYS_openat2, 1);  // its flags are in memory, which a filter cannot read: libc takes openat
  p.refuse(ENOSYS);
  refuse_limits(p);
  // Sockets: to the daemon, and the Internet only where the adapter says so. Never raw packets.
  std::vector<std::uint32_t> families = {AF_UNIX};
  if (wish.network) families.insert(families.end(), {AF_INET, AF_INET6, AF_NETLINK, AF_CAN, AF_BLUETOOTH});
  p.skip_unless(SYS_socket, static_cast<std::uint8_t>(families.size() + 3));
  p.load(argument(0));
  for (std::size_t i = 0; i < families.size(); ++i)
    p.skip_if(families[i], static_cast<std::uint8_t>(families.size() - i));
  p.refuse(EAFNOSUPPORT);
  p.give(SECCOMP_RET_ALLOW);
  if (wish.processes <= 1) {
#if defined(SYS_fork)
    p.skip_unless(SYS_fork, 1);
    p.refuse(EPERM);
    p.skip_unless(SYS_vfork, 1);
    p.refuse(EPERM);
#endif
    p.skip_unless(SYS_clone3, 1);  // its flags are in memory, too: libc then takes clone
    p.refuse(ENOSYS);
    p.skip_unless(SYS_clone, 4);
    p.load(argument(0));
    p.skip_unless_set(CLONE_THREAD, 1);
    p.give(SECCOMP_RET_ALLOW);
    p.refuse(EPERM);
    // Signals: to itself. (Landlock confines them too, where it is new enough.)
    for (const int number : {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo}) {
      p.skip_unless(static_cast<std::uint32_t>(number), 4);
      p.load(argument(0));
      own_pid_at_.push_back(p.code.size());
      p.skip_unless(0, 1);
      p.give(SECCOMP_RET_ALLOW);
      p.refuse(EPERM);
    }
    p.skip_unless(SYS_tkill, 1);
    p.refuse(EPERM);
  }
  p.give(SECCOMP_RET_ALLOW);
  filter_ = std::move(p.code);
  words_ += (words_.empty() ? "" : ", ") + std::string("seccomp");
}

}  // namespace sluice::device

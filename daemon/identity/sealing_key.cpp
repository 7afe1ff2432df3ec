#include "identity/sealing_key.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace sluice::identity {
namespace {

constexpr std::size_t kMostBytes = 64 * 1024;

struct File {
  int fd = -1;
  explicit File(int number) : fd(number) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
};

Error system_error(const std::string& what, const std::filesystem::path& path, int error) {
  return {error == ENOENT ? errc::not_found : errc::io,
          fmt::format("{} {}: {}", what, path.string(), std::strerror(error))};
}

std::string without_newline(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

result<Secret> make_key_file(const std::filesystem::path& path) {
  std::array<unsigned char, Seal::kKeyBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return Error{errc::io, "OpenSSL has no random bytes for a sealing key"};
  std::string text;
  for (const auto byte : random) text += fmt::format("{:02x}", byte);
  ::explicit_bzero(random.data(), random.size());
  if (auto written = write_secret_file(path, text + "\n"); !written) return written.error();
  return Secret(std::move(text));
}

result<Secret> credential(const SealOptions& options) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return Error{
        errc::not_found,
        fmt::format("there are no systemd credentials: add LoadCredentialEncrypted={}:PATH to the unit "
                    "(systemctl edit sluiced)",
                    options.credential)};
  }
  // systemd gives these to nobody else; group and mode are its own affair.
  const auto path = std::filesystem::path(directory) / options.credential;
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return system_error("the systemd credential", path, errno);
  std::string text(kMostBytes, '\0');
  const auto size = ::read(file.fd, text.data(), text.size());
  if (size < 0) return system_error("the systemd credential", path, errno);
  text.resize(static_cast<std::size_t>(size));
  return Secret(without_newline(std::move(text)));
}

}  // namespace

std::filesystem::path seal_file(const SealOptions& options, const std::filesystem::path& directory) {
  if (!options.file.empty()) return options.file;
  return directory / (options.with == SealOptions::With::tpm ? "seal.tpm" : "seal.key");
}

result<Secret> read_secret_file(const std::filesystem::path& path, const std::string& what,
                                bool group_may_read) {
  const unsigned closed = group_may_read ? 0037U : 0077U;
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) return system_error(what, path, errno);
  if ((info.st_mode & closed) != 0 && !S_ISCHR(info.st_mode)) {
    return Error{errc::denied,
                 fmt::format("{} {} is open to others (mode {:04o}): chmod {} {}", what, path.string(),
                             info.st_mode & 07777U, group_may_read ? "0640" : "0600", path.string())};
  }
  std::string text(kMostBytes, '\0');
  const auto size = ::read(file.fd, text.data(), text.size());
  if (size < 0) return system_error(what, path, errno);
  text.resize(static_cast<std::size_t>(size));
  auto out = without_newline(text);
  wipe(text);
  if (out.empty()) return Error{errc::invalid_argument, fmt::format("{} {} is empty", what, path.string())};
  return Secret(std::move(out));
}

result<void> write_secret_file(const std::filesystem::path& path, std::string_view text) {
  const auto fresh = path.string() + ".new";
  ::unlink(fresh.c_str());
  {
    const File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.fd < 0) return system_error("cannot make", fresh, errno);
    if (::write(file.fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.fd) != 0)
      return system_error("cannot write", fresh, errno);
  }
  // link, not rename: a key that another process has made meanwhile is not replaced.
  const int linked = ::link(fresh.c_str(), path.c_str());
  const int error = errno;
  ::unlink(fresh.c_str());
  if (linked != 0) return system_error("cannot make", path, error);
  const File folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd < 0 || ::fsync(folder.fd) != 0) return system_error("cannot sync", path.parent_path(), errno);
  return {};
}

result<Seal> load_seal(const SealOptions& options, const std::filesystem::path& directory,
                       bool sealed_before) {
  result<Secret> material = Error{};
  const auto path = seal_file(options, directory);
  switch (options.with) {
    case SealOptions::With::credential:
      material = credential(options);
      break;
    case SealOptions::With::tpm:
      material = tpm_sealed_key(options.tpm, path, sealed_before);
      break;
    case SealOptions::With::file:
      material = read_secret_file(path, "the sealing key");
      if (!material && material.error().code == errc::not_found) {
        if (sealed_before) {
          return Error{
              errc::not_found,
              fmt::format("{}, but keys are sealed with it: bring it back, or provision every device "
                          "anew after removing the registry",
                          material.error().text)};
        }
        material = make_key_file(path);
      }
      break;
  }
  if (!material) return material.error();
  return Seal::from(material->text());
}

}  // namespace sluice::identity

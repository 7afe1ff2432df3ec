#include "bundle_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <numeric>

namespace sluice::ctl {
namespace {

constexpr std::size_t kBlock = 512;
// The fields of POSIX's ustar header: offset and size.
struct Field {
  std::size_t at, size;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kTime{136, 12},
    kSum{148, 8}, kType{156, 1}, kMagic{257, 8}, kUser{265, 32}, kGroup{297, 32};

void put(std::string& header, Field field, std::string_view text) {
  header.replace(field.at, std::min(text.size(), field.size), text.substr(0, field.size));
}

void put_octal(std::string& header, Field field, std::uint64_t number) {
  put(header, field, fmt::format("{:0{}o}", number, field.size - 1));
}

std::string header_of(std::string_view name, std::size_t size, std::int64_t time) {
  std::string header(kBlock, '\0');
  put(header, kName, name.substr(0, kName.size - 1));
  put_octal(header, kMode, 0600);
  put_octal(header, kUid, 0);
  put_octal(header, kGid, 0);
  put_octal(header, kSize, size);
  put_octal(header, kTime, static_cast<std::uint64_t>(time));
  put(header, kType, "0");
  put(header, kMagic, std::string_view("ustar\00000", 8));
  put(header, kUser, "root");
  put(header, kGroup, "root");
  put(header, kSum, "        ");  // while it is summed
  const auto sum = std::accumulate(header.begin(), header.end(), std::uint64_t{0},
                                   [](auto all, char c) { return all + static_cast<unsigned char>(c); });
  put(header, kSum, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header;
}

Error trouble(const std::filesystem::path& file) {
  const auto error = errno;
  return {error == EEXIST ? errc::exists : errc::io,
          fmt::format("{}: {}", file.string(), std::strerror(error))};
}

}  // namespace

void BundleFile::add(std::string_view name, std::string_view text) {
  tar_ += header_of(name, text.size(), time_);
  tar_ += text;
  tar_.append((kBlock - text.size() % kBlock) % kBlock, '\0');
}

result<void> BundleFile::write(const std::filesystem::path& file) const {
  const auto whole = tar_ + std::string(2 * kBlock, '\0');
  std::string squeezed(ZSTD_compressBound(whole.size()), '\0');
  const auto size = ZSTD_compress(squeezed.data(), squeezed.size(), whole.data(), whole.size(), 6);
  if (ZSTD_isError(size) != 0)
    return Error{errc::io, fmt::format("{}: {}", file.string(), ZSTD_getErrorName(size))};
  squeezed.resize(size);

  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return trouble(file);
  std::string_view left = squeezed;
  result<void> done;
  while (!left.empty() && done) {
    const auto written = ::write(fd, left.data(), left.size());
    if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR) done = trouble(file);
  }
  if (::close(fd) != 0 && done) done = trouble(file);
  if (!done) ::unlink(file.c_str());
  return done;
}

}  // namespace sluice::ctl

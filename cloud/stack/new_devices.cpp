#include "cloud/stack/new_devices.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "cloud/lambda/token_check.hpp"
#include "cloud/stack/device_file.hpp"

namespace sluice::stack {
namespace {

constexpr std::size_t kTokenBytes = 32;

aws::Error cannot(std::string text) {
  return {
      .kind = aws::Error::Kind::invalid, .status = 0, .code = {}, .text = std::move(text), .retry_after = {}};
}

// Empty: OpenSSL has no random bytes.
std::string random_token() {
  std::array<unsigned char, kTokenBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0, held = 0;
  for (const auto byte : bytes) {
    bits = bits << 8U | byte;
    for (held += 8; held >= 6; held -= 6) text.push_back(kLetters[bits >> (held - 6) & 63U]);
  }
  if (held > 0) text.push_back(kLetters[bits << (6 - held) & 63U]);
  return text;
}

}  // namespace

aws::result<std::string> new_devices_csv(const NewDevices& wanted) {
  if (wanted.count == 0 || wanted.count > kMostDevices || wanted.first > kMostDevices) {
    return cannot(fmt::format("1 to {} devices can be made, the first number at most that", kMostDevices));
  }
  if (!wanted.product.empty() && !lambda::valid_productid(wanted.product)) {
    return cannot("--product: at most 128 of a-z A-Z 0-9 : _ -, it is a thing type's name");
  }
  const auto last = wanted.first + wanted.count - 1;
  const auto width = std::max<std::size_t>(4, std::to_string(last).size());
  if (!lambda::valid_productid(fmt::format("{}{:0{}}", wanted.prefix, last, width))) {
    return cannot("--prefix: of a-z A-Z 0-9 : _ -, and 128 characters together with the number");
  }
  std::string text = "productid,accessToken,product\n";
  for (auto number = wanted.first; number <= last; ++number) {
    const auto token = random_token();
    if (token.empty()) return cannot("OpenSSL has no random bytes");
    text += fmt::format("{}{:0{}},{},{}\n", wanted.prefix, number, width, token, wanted.product);
  }
  return text;
}

std::optional<std::string> write_secret_file(const std::filesystem::path& path, const std::string& text) {
  const auto problem = [&](int error) {
    return path.string() + ": " + std::generic_category().message(error);
  };
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return problem(errno);
  int error = 0;
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(file, text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      error = errno;
      break;
    }
  }
  if (error == 0 && ::fsync(file) != 0) error = errno;
  if (::close(file) != 0 && error == 0) error = errno;
  if (error == 0) return std::nullopt;
  ::unlink(path.c_str());  // half of the tokens are of no use to anybody
  return problem(error);
}

}  // namespace sluice::stack

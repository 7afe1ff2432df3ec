// devices: who may connect. A token made here is shown once; the daemon keeps only its hash.
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.hpp"
#include "device/token_hash.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"
#include "token_list.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;

// 160 random bits in an alphabet that survives being typed from paper: no o, l, i, 1.
std::optional<std::string> new_token() {
  constexpr std::string_view kAlphabet = "023456789abcdefghjkmnpqrstuvwxyz";
  static_assert(kAlphabet.size() == 32);
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return {};
  std::string token;
  for (const auto byte : random) token += kAlphabet[byte % kAlphabet.size()];
  return token;
}

std::optional<std::string> token_from(const std::string& file, std::string& trouble) {
  // Not through a stream: the token must not stay in buffers, and a FIFO or /dev/stdin is fine.
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  std::string token(kMaxToken + 1, '\0');
  ssize_t size = fd < 0 ? -1 : ::read(fd, token.data(), token.size());
  if (size < 0) trouble = fmt::format("{}: {}", file, std::strerror(errno));
  if (fd >= 0) ::close(fd);
  if (size < 0) return {};
  token.resize(static_cast<std::size_t>(size));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty() || token.size() > kMaxToken || token.find('\n') != std::string::npos) {
    trouble = fmt::format("{}: a token is one line of 1 to {} bytes", file, kMaxToken);
    return {};
  }
  return token;
}

// A command that hands a token over: from the file, or a new one that is printed once.
int give_token(Context& context, const std::string& command, Json args, const std::string& done) {
  std::string trouble = "no random numbers from OpenSSL";
  const auto& file = context.given.token_file;
  const auto token = file ? token_from(*file, trouble) : new_token();
  if (!token) return print_failure(context, "invalid_argument", trouble);
  const auto& id = context.given.words[0];
  args["id"] = id;
  auto result = args;
  args["token"] = *token;
  const auto answer = context.client.ask(command, args);
  if (!answer.good) return print_error(context, answer);
  if (context.given.json) {
    if (!file) result["token"] = *token;
    print_json(result);
  } else if (file) {
    fmt::print("{}: {}; it connects with username {} and its token as the password\n", id, done, id);
  } else {
    fmt::print(
        "{}: {}. Shown only now:\n\n  {}\n\nIt connects with username {} and this token as the password.\n",
        id, done, *token, id);
  }
  return exit_code::success;
}

int change(Context& context, const std::string& command, const std::string& done) {
  const auto& id = context.given.words[0];
  return ask_and_print(context, command, {{"id", id}},
                       [&](const Json&) { return fmt::format("{}: {}\n", id, done); });
}

}  // namespace

int run_devices(Context& context) {
  return ask_and_print(context, "devices", Json::object(),
                       [&](const Json& devices) { return devices_text(devices, context.clock.wall()); });
}

int run_devices_add(Context& context) {
  if (!context.given.product) {
    fmt::print(
        stderr,
        "sluicectl: which product? It decides what the device may say: sluicectl devices add {} --product P "
        "(the products are in the configuration)\n",
        context.given.words[0]);
    return exit_code::usage;
  }
  return give_token(context, "devices add", {{"product", *context.given.product}}, "added");
}

int run_devices_token(Context& context) {
  return give_token(context, "devices token", Json::object(), "has a new token");
}

int run_devices_remove(Context& context) { return change(context, "devices remove", "removed"); }
int run_devices_enable(Context& context) { return change(context, "devices enable", "may connect again"); }
int run_devices_disable(Context& context) {
  return change(context, "devices disable", "kept out; what it has already sent still goes to the cloud");
}

int run_token_hash(Context& context) {
  std::string trouble;
  const auto token = token_from(context.given.words.empty() ? "/dev/stdin" : context.given.words[0], trouble);
  if (!token) return print_failure(context, "invalid_argument", trouble);
  const auto hash = device::hash_token(*token);
  if (hash.empty()) return print_failure(context, "io", "no random numbers or no memory for the hash");
  if (context.given.json) {
    print_json({{"token_hash", hash}});
  } else {
    fmt::print("{}\n", hash);
  }
  return exit_code::success;
}

}  // namespace sluice::ctl

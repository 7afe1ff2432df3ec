// provision, rotate, revoke, import: the identities that the daemon gets for its devices and itself.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.hpp"
#include "core/secret.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"
#include "token_list.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;

// Of one request: a line of the protocol has 64 KiB at most.
constexpr std::size_t kMostRows = 200, kMostBytes = 40'000;

int usage(std::string_view text) {
  fmt::print(stderr, "sluicectl: {}\n", text);
  return exit_code::usage;
}

// Exactly one of: an id, --all, --gateway.
bool names_one(const Context& context) {
  const auto& given = context.given;
  return (given.words.empty() ? 0 : 1) + (given.all ? 1 : 0) + (given.gateway ? 1 : 0) == 1;
}

std::string asked_text(const Json& result) {
  return fmt::format("{} asked for; see sluicectl devices\n", count_of(result, "asked", "0"));
}

std::optional<std::string> whole_file(const std::string& file, std::string& trouble) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  std::string part(64 * 1024, '\0');
  ssize_t size = fd < 0 ? -1 : 0;
  while (fd >= 0 && (size = ::read(fd, part.data(), part.size())) > 0) {
    if (text.size() + static_cast<std::size_t>(size) > kMaxTokenList) {
      errno = EFBIG;
      size = -1;
      break;
    }
    // Grown by hand: what a string leaves behind when it grows holds tokens.
    std::string grown;
    grown.reserve(text.size() + static_cast<std::size_t>(size));
    grown.append(text).append(part, 0, static_cast<std::size_t>(size));
    wipe(text);
    text = std::move(grown);
  }
  if (size < 0) trouble = fmt::format("{}: {}", file, std::strerror(errno));
  wipe(part);
  if (fd >= 0) ::close(fd);
  if (size < 0) return {};
  return text;
}

}  // namespace

int run_provision(Context& context) {
  const auto& given = context.given;
  if (!names_one(context)) return usage("which one? sluicectl provision ID, --gateway or --all");
  if (given.all) return ask_and_print(context, "provision", {{"all", true}}, asked_text);
  Json args = {{"again", given.again}};
  if (given.gateway) {
    args["gateway"] = true;
  } else {
    args["id"] = given.words[0];
  }
  return ask_and_print(context, "provision", args, [&](const Json&) {
    return fmt::format(
        "{}: asked for now, or at its next connection if its token is not kept here; see sluicectl devices\n",
        given.gateway ? "the gateway" : given.words[0]);
  });
}

int run_rotate(Context& context) {
  const auto& given = context.given;
  if (!names_one(context)) return usage("which one? sluicectl rotate ID, --gateway or --all");
  if (given.all) return ask_and_print(context, "rotate", {{"all", true}}, asked_text);
  const Json args = given.gateway ? Json{{"gateway", true}} : Json{{"id", given.words[0]}};
  return ask_and_print(context, "rotate", args, [&](const Json&) {
    return fmt::format("{}: another certificate is asked for; the present one stays until it works\n",
                       given.gateway ? "the gateway" : given.words[0]);
  });
}

int run_revoke(Context& context) {
  const auto& id = context.given.words[0];
  return ask_and_print(context, "revoke", {{"id", id}}, [&](const Json&) {
    return fmt::format(
        "{}: its key is destroyed, what waited is counted (sluicectl ledger), and it stays out until\n"
        "sluicectl provision {} --again. sluicectl devices shows whether its certificate is out of use in "
        "AWS:\n"
        "`withdrawing` until then, `gone` with its id if you have to deactivate it there.\n",
        id, id);
  });
}

int run_import(Context& context) {
  std::string trouble;
  auto text = whole_file(context.given.words[0], trouble);
  if (!text) return print_failure(context, "io", trouble);
  auto list = read_token_list(*text, context.given.product.value_or(""));
  wipe(*text);
  if (!list.problems.empty()) {
    std::string all = "nothing was imported:";
    for (const auto& problem : list.problems) all += "\n  " + problem;
    if (context.given.json) return print_failure(context, "invalid_argument", all);
    fmt::print(stderr, "sluicectl: {}\n", all);
    return exit_code::failed;
  }
  std::size_t done = 0;
  while (done < list.devices.size()) {
    Json rows = Json::array();
    std::size_t bytes = 0, end = done;
    for (; end < list.devices.size() && rows.size() < kMostRows && bytes < kMostBytes; ++end) {
      const auto& device = list.devices[end];
      bytes += device.productid.size() + 2 * device.token.size() + device.product.size() + 60;
      rows.push_back(
          {{"productid", device.productid}, {"accessToken", device.token}, {"product", device.product}});
    }
    auto answer = context.client.ask("import", {{"devices", std::move(rows)}});
    if (!answer.good) {
      answer.text =
          fmt::format("lines {} to {}: {}{}", list.devices[done].line, list.devices[end - 1].line,
                      answer.text, done > 0 ? fmt::format(" ({} before them were imported)", done) : "");
      return print_error(context, answer);
    }
    done = end;
  }
  if (context.given.json) {
    print_json({{"imported", done}});
  } else {
    fmt::print("{} devices imported; they are asked for now: see sluicectl devices\n", done);
  }
  return exit_code::success;
}

}  // namespace sluice::ctl

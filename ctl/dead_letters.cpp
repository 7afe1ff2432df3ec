// dead-letters: what the cloud can never take, kept so that a person can look, mend the cause and send again.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;

constexpr int kPage = 100;

std::optional<std::uint64_t> letter_id(const std::string& word) {
  std::uint64_t id = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), id);
  if (parsed.ec == std::errc() && parsed.ptr == word.data() + word.size() && id > 0) return id;
  fmt::print(stderr, "sluicectl: {} is no dead letter's id; see: sluicectl dead-letters\n", printable(word));
  return {};
}

// All of them, page by page. The daemon keeps at most ten thousand.
Answer all_letters(Context& context) {
  Answer all;
  all.good = true;
  all.result = Json::array();
  std::uint64_t after = 0;
  for (;;) {
    auto page = context.client.ask("dead-letters", {{"after", after}, {"limit", kPage}});
    if (!page.good) return page;
    if (!page.result.is_array() || page.result.empty()) return all;
    const auto last = page.result.back().value("id", std::uint64_t{0});
    if (last <= after) return all;
    after = last;
    for (auto& letter : page.result) all.result.push_back(std::move(letter));
  }
}

std::string bytes_from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::string hex_dump(const std::string& bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    std::string hex, text;
    for (std::size_t i = at; i < std::min(at + 16, bytes.size()); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      hex += fmt::format("{:02x} ", byte);
      text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    out += fmt::format("{:08x}  {:48} {}\n", at, hex, text);
  }
  return out;
}

int replay_all(Context& context) {
  const auto letters = all_letters(context);
  if (!letters.good) return print_error(context, letters);
  std::size_t replayed = 0;
  for (const auto& letter : letters.result) {
    const auto answer =
        context.client.ask("dead-letters replay", {{"id", letter.value("id", std::uint64_t{0})}});
    // One that was deleted meanwhile is not worth stopping for.
    if (!answer.good && answer.code != "not_found") return print_error(context, answer);
    replayed += answer.good ? 1 : 0;
  }
  if (context.given.json) {
    print_json({{"replayed", replayed}});
  } else {
    fmt::print("{} put back into the queue\n", in_words(replayed));
  }
  return exit_code::success;
}

}  // namespace

int run_dead_letters(Context& context) {
  const auto letters = all_letters(context);
  if (!letters.good) return print_error(context, letters);
  if (context.given.json) {
    print_json(letters.result);
  } else {
    fmt::print("{}", dead_letters_text(letters.result));
  }
  return exit_code::success;
}

int run_dead_letters_show(Context& context) {
  const auto id = letter_id(context.given.words[0]);
  if (!id) return exit_code::usage;
  auto answer = context.client.ask("dead-letters", {{"after", *id - 1}, {"limit", 1}, {"payload", true}});
  if (!answer.good) return print_error(context, answer);
  if (!answer.result.is_array() || answer.result.empty() ||
      answer.result[0].value("id", std::uint64_t{0}) != *id) {
    answer.code = "not_found";
    answer.text = fmt::format("there is no dead letter {}; see: sluicectl dead-letters", *id);
    answer.exit_code = exit_code::failed;
    return print_error(context, answer);
  }
  if (context.given.json) {
    print_json(answer.result[0]);
    return exit_code::success;
  }
  const auto payload = bytes_from_hex(text_of(answer.result[0], "payload_hex"));
  fmt::print("{}\n{}", dead_letters_text(answer.result),
             printable(payload) == payload ? payload + '\n' : hex_dump(payload));
  return exit_code::success;
}

int run_dead_letters_replay(Context& context) {
  if (context.given.all == !context.given.words.empty()) {
    fmt::print(stderr, "sluicectl: either one id or --all: sluicectl dead-letters replay ID | --all\n");
    return exit_code::usage;
  }
  if (context.given.all) return replay_all(context);
  const auto id = letter_id(context.given.words[0]);
  if (!id) return exit_code::usage;
  return ask_and_print(context, "dead-letters replay", {{"id", *id}},
                       [&](const Json&) { return fmt::format("{} is in the queue again\n", *id); });
}

int run_dead_letters_delete(Context& context) {
  const auto id = letter_id(context.given.words[0]);
  if (!id) return exit_code::usage;
  return ask_and_print(context, "dead-letters delete", {{"id", *id}},
                       [&](const Json&) { return fmt::format("{} is gone\n", *id); });
}

}  // namespace sluice::ctl

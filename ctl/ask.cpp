// The commands that are one question to the daemon.
#include <fmt/format.h>

#include <cstdio>

#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"

namespace sluice::ctl {

using Json = nlohmann::json;

void print_json(const Json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace));
}

int print_error(const Context& context, const Answer& answer) {
  if (context.given.json) {
    print_json({{"error", {{"code", answer.code}, {"text", answer.text}}}});
  } else {
    fmt::print(stderr, "sluicectl: {}\n", printable(answer.text));
  }
  return answer.exit_code;
}

int print_failure(const Context& context, std::string code, std::string text) {
  Answer answer;
  answer.code = std::move(code);
  answer.text = std::move(text);
  answer.exit_code = exit_code::failed;
  return print_error(context, answer);
}

int ask_and_print(Context& context, const std::string& command, const Json& args, const Render& render) {
  const auto answer = context.client.ask(command, args);
  if (!answer.good) return print_error(context, answer);
  if (context.given.json) {
    print_json(answer.result);
  } else {
    fmt::print("{}", render(answer.result));
  }
  return exit_code::success;
}

int run_status(Context& context) { return ask_and_print(context, "status", Json::object(), status_text); }
int run_queue(Context& context) { return ask_and_print(context, "queue", Json::object(), queue_text); }
int run_ledger(Context& context) { return ask_and_print(context, "ledger", Json::object(), ledger_text); }

int run_reload(Context& context) {
  return ask_and_print(context, "reload", Json::object(), [](const Json&) {
    return std::string("the configuration was read again and runs\n");
  });
}

int run_version(Context& context) {
  const auto answer = context.client.ask("version");
  if (context.given.json) {
    print_json({{"sluicectl", SLUICE_VERSION}, {"sluiced", answer.good ? answer.result : Json()}});
  } else {
    fmt::print("sluicectl {}\n{}\n", SLUICE_VERSION,
               answer.good ? text_of(answer.result, "text", "sluiced " + text_of(answer.result, "version"))
                           : "sluiced: " + answer.text);
  }
  return exit_code::success;
}

}  // namespace sluice::ctl

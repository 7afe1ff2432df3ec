// credentials: which programs on this gateway may fetch temporary AWS credentials from the daemon, and their
// tokens.
#include <fmt/format.h>

#include "commands.hpp"
#include "json_fields.hpp"
#include "table.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;

std::string identity_in_words(const Json& row) {
  const auto identity = text_of(row, "identity");
  return identity.empty() ? "the gateway" : identity;
}

}  // namespace

std::string credentials_text(const Json& credentials, WallTime now) {
  Table clients({{"program"}, {"credentials of"}, {"issued"}, {"last used"}});
  for (const auto& row : array_of(credentials, "clients")) {
    const auto used = static_cast<std::int64_t>(number_of(row, "used_ms"));
    clients.add({text_of(row, "name"), identity_in_words(row),
                 time_in_words(static_cast<std::int64_t>(number_of(row, "issued_ms"))),
                 used > 0 ? ago_in_words(used, now) : "not since the start"});
  }
  auto text = clients.empty()
                  ? std::string("no program may fetch credentials yet: sluicectl credentials issue NAME\n")
                  : clients.text();
  Table cached({{"credentials of"}, {"valid until"}, {"trouble"}});
  for (const auto& row : array_of(credentials, "cached")) {
    const auto expires = static_cast<std::int64_t>(number_of(row, "expires_ms"));
    cached.add({identity_in_words(row), expires > 0 ? time_in_words(expires) : "-", text_of(row, "error")});
  }
  if (!cached.empty()) text += "\n" + cached.text();
  const auto& listening = field_of(credentials, "listening");
  if (listening.is_boolean() && listening.get<bool>()) {
    text += fmt::format("\nat {}: {} served, {} refused\n", printable(text_of(credentials, "uri")),
                        count_of(credentials, "served", "0"), count_of(credentials, "refused", "0"));
  } else {
    text += "\nnobody is answered: set credentials.listen in the configuration, e.g. 127.0.0.1:9911\n";
  }
  return text;
}

std::string issued_text(const Json& issued) {
  const auto uri = text_of(issued, "uri");
  return fmt::format(
      "{} may fetch temporary credentials of {}. Shown only now; give it these two variables:\n\n"
      "  AWS_CONTAINER_CREDENTIALS_FULL_URI={}\n  AWS_CONTAINER_AUTHORIZATION_TOKEN={}\n\n{}",
      printable(text_of(issued, "name")), printable(identity_in_words(issued)),
      uri.empty() ? "http://ADDRESS/credentials" : printable(uri), printable(text_of(issued, "token")),
      uri.empty()
          ? "Nobody is answered yet: set credentials.listen in the configuration, e.g. 127.0.0.1:9911.\n"
          : "");
}

int run_credentials(Context& context) {
  return ask_and_print(context, "credentials", Json::object(),
                       [&](const Json& result) { return credentials_text(result, context.clock.wall()); });
}

int run_credentials_issue(Context& context) {
  const auto& words = context.given.words;
  Json args = {{"name", words[0]}};
  if (words.size() > 1) args["identity"] = words[1];
  return ask_and_print(context, "credentials issue", args, issued_text);
}

int run_credentials_revoke(Context& context) {
  const auto& name = context.given.words[0];
  return ask_and_print(context, "credentials revoke", {{"name", name}}, [&](const Json&) {
    return fmt::format("{} gets no more credentials; those it has are good until they expire\n",
                       printable(name));
  });
}

}  // namespace sluice::ctl

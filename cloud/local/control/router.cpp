#include "cloud/local/control/router.hpp"

#include "aws/url.hpp"
#include "cloud/local/control/operations.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {
namespace {

using nlohmann::json;

// The next part up to the separator, taken off the text.
std::string_view next(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// A value in the path may hold slashes: they come as %2F, so split first, decode afterwards.
bool matches(std::string_view pattern, std::string_view path, Fields& fields) {
  if (!path.starts_with('/')) return false;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  Fields found;
  while (!pattern.empty() && !path.empty()) {
    const auto want = next(pattern, '/'), have = next(path, '/');
    if (want.starts_with('{')) {
      found[std::string(want.substr(1, want.size() - 2))] = aws::percent_decode(have);
    } else if (want != have) {
      return false;
    }
  }
  if (!pattern.empty() || !path.empty()) return false;
  fields = std::move(found);
  return true;
}

}  // namespace

const Operation* find_operation(std::string_view method, std::string_view path, Fields& fields) {
  for (const auto table : {thing_operations(), thing_type_operations(), certificate_operations(),
                           authority_operations(), policy_operations(), attachment_operations(),
                           template_operations(), role_alias_operations(), endpoint_operations()}) {
    for (const auto& operation : table) {
      if (operation.method == method && matches(operation.path, path, fields)) return &operation;
    }
  }
  return nullptr;
}

Fields read_query(std::string_view target) {
  Fields fields;
  target.remove_prefix(std::min(target.find('?'), target.size()));
  if (!target.empty()) target.remove_prefix(1);
  while (!target.empty()) {
    auto pair = next(target, '&');
    const auto name = next(pair, '=');
    if (!name.empty()) fields[aws::percent_decode(name)] = aws::percent_decode(pair);
  }
  return fields;
}

HttpAnswer refusal(const aws::Error& error) {
  const json body = {{"message", error.text}};
  HttpAnswer answer{error.status != 0 ? error.status : 500,
                    body.dump(-1, ' ', false, json::error_handler_t::replace)};
  answer.headers.emplace_back("x-amzn-ErrorType", error.code);
  if (error.retry_after)
    answer.headers.emplace_back("Retry-After", std::to_string(error.retry_after->count()));
  return answer;
}

HttpAnswer route(LocalIotControl& iot, const HttpRequest& request) {
  Call call{iot, request, {}, read_query(request.target), json::object()};
  const Operation* operation = find_operation(request.method, request.path(), call.path);
  if (operation == nullptr) {
    return refusal(aws_error(404, "UnknownOperationException",
                             std::string(request.method) + " " + std::string(request.path()) +
                                 " is no operation of AWS IoT that this cloud knows"));
  }
  if (!request.body.empty()) {
    call.body = json::parse(request.body, nullptr, false);
    if (!call.body.is_object()) return refusal(invalid_request("the body is not a JSON object"));
  }
  const auto answered = operation->run(call);
  if (!answered) return refusal(answered.error());
  return {200, answered->body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace sluice::cloud::control

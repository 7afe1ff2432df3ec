#include "aws/iot_data.hpp"

#include <utility>

#include "aws/limits.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

class HttpsIotData : public IotData {
 public:
  HttpsIotData(ServiceOptions options, const Caller& caller)
      : service_("iotdata", std::move(options), caller) {}

  result<void> publish(std::string_view topic, std::string_view payload, int qos, bool retain) override {
    if (const auto problem = publish_problem(topic, payload.size())) {
      return invalid_argument("iotdata Publish: " + *problem);
    }
    ServiceCall call{
        "Publish", "POST", "/topics/" + percent_encode(topic) + "?qos=" + std::to_string(qos), {}, {}};
    if (retain) call.path += "&retain=true";
    call.body = payload;
    const auto response = service_.call(call);
    if (!response) return response.error();
    return {};
  }

  result<std::string> get_shadow(std::string_view thing, std::string_view shadow) override {
    return document_of(service_.call({"GetThingShadow", "GET", shadow_path(thing, shadow), {}, {}}));
  }

  result<std::string> update_shadow(std::string_view thing, std::string_view shadow,
                                    std::string_view document) override {
    return document_of(
        service_.call({"UpdateThingShadow", "POST", shadow_path(thing, shadow), {}, std::string(document)}));
  }

 private:
  static std::string shadow_path(std::string_view thing, std::string_view shadow) {
    auto path = "/things/" + percent_encode(thing) + "/shadow";
    if (!shadow.empty()) path += "?name=" + percent_encode(shadow);
    return path;
  }

  static result<std::string> document_of(result<HttpResponse> response) {
    if (!response) return response.error();
    return std::move(response->body);
  }

  const Service service_;
};

}  // namespace

std::unique_ptr<IotData> make_iot_data(ServiceOptions options, const Caller& caller) {
  return std::make_unique<HttpsIotData>(std::move(options), caller);
}

}  // namespace sluice::aws

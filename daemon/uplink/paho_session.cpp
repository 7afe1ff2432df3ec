// Connecting, disconnecting and receiving with one Paho client.
#include "uplink/paho_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "uplink/connack_words.hpp"
#include "uplink/tls_check.hpp"

namespace sluice::uplink::paho {
namespace {

constexpr int kUnlimited = 65'535;
constexpr Duration kMostWaitForCommit = 5s;  // and never more than a quarter of the keep-alive

std::string_view view(const MQTTLenString& s) { return {s.data, static_cast<std::size_t>(s.len)}; }

void append_wire(std::string& out, std::string_view text) {
  out.push_back(static_cast<char>(text.size() >> 8));
  out.push_back(static_cast<char>(text.size() & 0xff));
  out.append(text);
}

}  // namespace

void Session::connect(const LinkOptions& options) {
  options_ = options;
  if (inbox_->closing()) return;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(pool_.clock.wall().time_since_epoch()).count();
  if (auto problem = own_files_problem(options_, now, expires_)) return fail(std::move(*problem));
  // Paho would resolve under its lock, with every other lane waiting; a name that fails must not get that
  // far.
  if (auto problem = name_problem(options_)) return fail(std::move(*problem));
  const std::lock_guard lock(handle_mutex_);
  if (!inbox_->closing()) open();
}

void Session::open() {
  const auto host = options_.host.find(':') == std::string::npos ? options_.host : "[" + options_.host + "]";
  const auto uri = fmt::format("{}://{}:{}", options_.plain ? "tcp" : "ssl", host, options_.port);
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
  create.MQTTVersion = options_.mqtt5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
  create.maxBufferedMessages = kUnlimited;
  int rc = MQTTAsync_createWithOptions(&handle_, uri.c_str(), options_.client_id.c_str(),
                                       MQTTCLIENT_PERSISTENCE_NONE, nullptr, &create);
  const auto refused = [&] {
    return ConnectFailure{
        ConnectFailure::Kind::refused,
        0,
        {errc::invalid_argument, fmt::format("the MQTT client cannot be made for {} as {} (Paho code {})",
                                             uri, options_.client_id, rc)}};
  };
  if (rc != MQTTASYNC_SUCCESS) return fail(refused());

  MQTTAsync_setCallbacks(
      handle_, this,
      [](void* self, char* cause) {
        const std::string words = cause == nullptr ? "" : fmt::format("the connection is lost: {}", cause);
        static_cast<Session*>(self)->inbox_->lost({0, words});
      },
      [](void* self, char* topic, int size, MQTTAsync_message* message) {
        return static_cast<Session*>(self)->on_message(topic, size, message);
      },
      nullptr);
  MQTTAsync_setDisconnected(handle_, this, [](void* self, MQTTProperties*, enum MQTTReasonCodes reason) {
    static_cast<Session*>(self)->inbox_->lost({static_cast<std::uint8_t>(reason), {}});
  });

  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
  connect.MQTTVersion = create.MQTTVersion;
  const auto seconds = [](Duration d) {
    return static_cast<int>(
        std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(d).count()));
  };
  connect.keepAliveInterval = seconds(options_.keep_alive);
  connect.connectTimeout = seconds(options_.connect_timeout);
  connect.maxInflight = kUnlimited;
  connect.automaticReconnect = 0;
  // The session goes on: the cloud keeps commands while we are away.
  connect.cleanstart = connect.cleansession = 0;
  set_connect_callbacks(connect);
  MQTTProperties properties = MQTTProperties_initializer;
  if (options_.mqtt5) {
    MQTTProperty expiry{};
    expiry.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL;
    expiry.value.integer4 = options_.session_expiry;
    MQTTProperties_add(&properties, &expiry);
    connect.connectProperties = &properties;
  }
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  const std::string alpn = static_cast<char>(options_.alpn.size()) + options_.alpn;
  if (!options_.plain) {
    if (!options_.tls.ca.empty()) tls.trustStore = options_.tls.ca.c_str();
    if (!options_.tls.certificate.empty()) {
      tls.keyStore = options_.tls.certificate.c_str();
      tls.privateKey = options_.tls.key.c_str();
    }
    tls.enableServerCertAuth = 1;
    tls.verify = 1;  // the host's name
    if (!options_.alpn.empty()) {
      tls.protos = reinterpret_cast<const unsigned char*>(alpn.data());
      tls.protos_len = static_cast<unsigned>(alpn.size());
    }
    connect.ssl = &tls;
  }
  rc = MQTTAsync_connect(handle_, &connect);
  MQTTProperties_free(&properties);
  if (rc != MQTTASYNC_SUCCESS) fail(refused());
}

void Session::set_connect_callbacks(MQTTAsync_connectOptions& connect) {
  connect.context = this;
  if (options_.mqtt5) {
    connect.onSuccess5 = [](void* self, MQTTAsync_successData5* data) {
      static_cast<Session*>(self)->on_connected(data->alt.connect.sessionPresent != 0, &data->properties);
    };
    connect.onFailure5 = [](void* self, MQTTAsync_failureData5* data) {
      const bool refused = data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR;
      static_cast<Session*>(self)->on_connect_failed(data->message, refused ? data->reasonCode : data->code);
    };
  } else {
    connect.onSuccess = [](void* self, MQTTAsync_successData* data) {
      static_cast<Session*>(self)->on_connected(data->alt.connect.sessionPresent != 0, nullptr);
    };
    connect.onFailure = [](void* self, MQTTAsync_failureData* data) {
      static_cast<Session*>(self)->on_connect_failed(data->message, data->code);
    };
  }
}

void Session::on_connected(bool session_present, const MQTTProperties* properties) {
  Granted granted;
  granted.session_present = session_present;
  granted.mqtt5 = options_.mqtt5;
  granted.certificate_expires = expires_;
  const auto number = [&](MQTTPropertyCodes code, std::uint32_t otherwise) {
    // Paho wants it mutable, and only reads.
    auto* p = const_cast<MQTTProperties*>(properties);
    return p != nullptr && MQTTProperties_hasProperty(p, code) != 0
               ? static_cast<std::uint32_t>(MQTTProperties_getNumericValue(p, code))
               : otherwise;
  };
  granted.receive_maximum = number(MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, granted.receive_maximum);
  granted.maximum_packet_size = number(MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0);
  granted.server_keep_alive = number(MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0);
  inbox_->connected(granted);
}

void Session::on_connect_failed(const char* message, int code) {
  // Codes above zero are the server's, of its CONNACK.
  if (code > 0 && message != nullptr && std::string_view(message).find("CONNACK") != std::string_view::npos) {
    return fail(connack_failure(options_, code));
  }
  pool_.workers->post([self = shared_from_this()] { self->diagnose(); });
}

void Session::diagnose() {
  if (inbox_->closing()) return;
  auto problem = way_problem(options_, pool_.clock, std::min<Duration>(options_.connect_timeout, 10s));
  fail(problem ? std::move(*problem) : closed_after_connect(options_));
}

void Session::destroy() {
  const std::lock_guard lock(handle_mutex_);
  if (handle_ != nullptr) MQTTAsync_destroy(&handle_);  // says DISCONNECT
  handle_ = nullptr;
}

int Session::on_message(char* topic, int topic_size, MQTTAsync_message* message) {
  Incoming in;
  in.topic = topic_size > 0 ? std::string(topic, static_cast<std::size_t>(topic_size)) : std::string(topic);
  in.payload.assign(static_cast<const char*>(message->payload),
                    static_cast<std::size_t>(message->payloadlen));
  in.qos = static_cast<std::uint8_t>(message->qos);
  for (int i = 0; options_.mqtt5 && i < message->properties.count; ++i) {
    const auto& property = message->properties.array[i];
    switch (property.identifier) {
      case MQTTPROPERTY_CODE_CONTENT_TYPE:
        in.content_type = view(property.value.data);
        break;
      case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
        in.response_topic = view(property.value.data);
        break;
      case MQTTPROPERTY_CODE_CORRELATION_DATA:
        in.correlation_data = view(property.value.data);
        break;
      case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
        in.expiry = property.value.integer4;
        break;
      case MQTTPROPERTY_CODE_USER_PROPERTY:
        in.user_properties.push_back(0x26);
        append_wire(in.user_properties, view(property.value.data));
        append_wire(in.user_properties, view(property.value.value));
        break;
      default:
        break;
    }
  }
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  const auto most = std::min<Duration>(kMostWaitForCommit, options_.keep_alive / 4);
  if (!inbox_->message(std::move(in), most) && !inbox_->closing()) {
    pool_.log.warn(
        "a command for {} was acknowledged to the cloud before it was on disk: the store is too slow",
        options_.client_id);
  }
  return 1;
}

}  // namespace sluice::uplink::paho

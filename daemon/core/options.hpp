// The daemon's whole configuration as plain values: what config/ parses and validates, and what app hands out
// to the rooms. Defaults are those of the schema table (config/schema.cpp); a test holds the two together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace sluice {

struct TlsFiles {  // PEM; empty: none
  std::filesystem::path certificate, key, ca;
  bool operator==(const TlsFiles&) const = default;
};

struct ListenerOptions {
  enum class Kind { mqtt, mqtts, ws, wss, unix_socket };
  Kind kind = Kind::mqtt;
  std::string address;  // host part, or the socket's path
  std::uint16_t port = 0;
  std::string path = "/mqtt";  // WebSocket
  bool anonymous = false;      // only accepted on loopback and Unix sockets
  TlsFiles tls;                // server certificate and key; ca: for client certificates
  enum class ClientCertificate { none, optional, required };
  ClientCertificate client_certificate = ClientCertificate::none;
  std::string text;  // as written in the config, for messages
};

struct ClientLimits {
  double publishes_per_second = 0;  // 0: none; beyond it the connection is not read until the bucket refills
  std::uint64_t bytes_per_second = 0;  // 0: none
  std::uint16_t inflight = 1024;       // Receive Maximum granted
  std::uint64_t packet_size = 1024 * 1024;
  std::uint64_t queue_bytes = 4 * 1024 * 1024;
  std::uint64_t queue_messages = 10'000;
};

struct ProductOptions {
  std::string name;
  enum class Identity { gateway, own };
  Identity identity = Identity::gateway;  // own: the device has its own certificate and lane
  std::vector<std::string> may_publish;   // filters with {device} and {product}
  std::vector<std::string> may_subscribe;
  ClientLimits limits;
};

struct DeviceOptions {  // a device named in the file; others are added with sluicectl
  std::string id, product;
  std::filesystem::path token_file;  // the token in clear, 0600; or
  std::string token_hash;            // as sluicectl prints it ($scrypt$...)
  TlsFiles certificate;              // its own AWS identity, if it has one
};

struct FilterOptions {
  enum class Kind { none, on_change, deadband, sample };
  Kind kind = Kind::none;
  std::string pointer;   // JSON pointer (RFC 6901) to the value
  double deadband = 0;   // absolute change that passes
  bool percent = false;  // deadband is in percent of the last value that passed
  Duration interval{};   // sample: at most one in this time
  Duration heartbeat{};  // on_change, deadband: pass at least one in this time; 0: none
};

struct BatchOptions {
  enum class Format { none, json, ndjson };
  Format format = Format::none;
  std::uint64_t max_bytes = 5 * 1024;  // of the publish before compression; AWS meters 5 KB units
  Duration max_wait = std::chrono::seconds(1);
  bool zstd = false;
};

struct RouteOptions {
  std::string name;   // default: the match
  std::string match;  // MQTT filter
  enum class Action { to, local, drop };
  Action action = Action::to;
  std::string to;    // topic in the cloud, with {device} {product} {gateway} {topic} {1}..{9}
  std::string rule;  // Basic Ingest: the rule's name; `to` is then the rest
  std::uint8_t priority = 5;
  Duration ttl{};  // 0: none
  BatchOptions batch;
  FilterOptions filter;
  int line = 0;  // in the file, for messages
};

struct LaneQuotas {  // per connection to AWS IoT, facts of the AWS quota page
  double publishes_per_second = 100;
  std::uint64_t bytes_per_second = 512 * 1024;
  std::uint32_t inflight = 100;
  double reserve = 0.2;  // share kept for commands, shadows and jobs
  bool enforce = true;   // false: send as fast as the peer takes it
};

struct SealOptions {  // where the key comes from that private keys and tokens are sealed with
  enum class With { file, credential, tpm };
  With with = With::file;
  std::filesystem::path file;  // empty: seal.key in the store's directory, made at the first start
  std::string credential = "sluice-seal";  // name of a systemd credential
  std::string tpm = "device:/dev/tpmrm0";  // TCTI: how the TPM is reached
};

struct IssuerOptions {  // own-ca: an intermediate CA that the gateway holds
  std::filesystem::path certificate, key;
  Duration valid = std::chrono::hours(24 * 365);  // of what it issues
};

struct ProvisioningOptions {
  enum class Method { given, cvm, awslabs, fleet, own_ca };
  Method method = Method::given;
  std::string url;                     // cvm, awslabs
  std::filesystem::path ca;            // roots for the url; empty: the system's
  std::string productid;               // the gateway's own; empty: gateway.thing
  std::filesystem::path token_file;    // the gateway's own access token
  std::filesystem::path api_key_file;  // API Gateway's x-api-key; empty: none
  TlsFiles claim;                      // fleet
  std::string fleet_template;          // fleet
  IssuerOptions issuer;                // own-ca
  bool refuse_unproven = false;        // what an unknown device gets while its token cannot be judged
  std::uint32_t held_most = 1000;      // devices that wait for their first judgement
  Duration refused_for = std::chrono::minutes(10);  // a refused token is not asked for again
  std::uint32_t at_once = 4;                        // requests under way
  double per_second = 5;
  Duration timeout = std::chrono::seconds(20);
  Duration backoff_first = std::chrono::seconds(2);
  Duration backoff_most = std::chrono::minutes(5);
  Duration rotate_after{};                               // age of a certificate; 0: never for that reason
  Duration rotate_before = std::chrono::hours(24 * 30);  // its expiry
  SealOptions seal;
};

struct CloudOptions {
  // host[:port]; port default 8883. Empty: as the provisioning service says, for each identity.
  std::string endpoint;
  std::string region;
  TlsFiles tls;       // the gateway's own identity; ca: the roots to trust
  std::string alpn;   // "x-amzn-mqtt-ca" on port 443; empty: none
  bool mqtt5 = true;  // falls back to 3.1.1 when refused
  Duration keep_alive = std::chrono::seconds(60);
  Duration connect_timeout = std::chrono::seconds(20);
  Duration backoff_first = std::chrono::seconds(1);
  Duration backoff_most = std::chrono::minutes(2);
  LaneQuotas quotas;
  bool live_first = true;
  std::uint32_t poison_after = 3;  // connection deaths with the same message in flight before it is bisected
  std::vector<std::string> commands = {"cmd/{thing}/#"};  // filters subscribed on each lane, with {thing}
  std::string command_to = "d/{device}/cmd/{rest}";       // local topic of a command
  Duration command_ttl = std::chrono::hours(24);
  ProvisioningOptions provisioning;
};

struct AdmitOptions {  // unknown devices that may ask for an identity
  std::string match;   // of the device id; * and ?
  std::string product;
};

struct AdapterLimits {
  std::uint64_t memory = 128ULL << 20;  // private memory of the process
  double cpu = 0.5;                     // share of one CPU, over a minute
  std::uint32_t open_files = 64;
  std::uint32_t processes = 1;
  std::uint32_t devices = 1000;          // attached at the same time
  double publishes_per_second = 10'000;  // beyond either it is not read for a while
  std::uint64_t bytes_per_second = 8ULL << 20;
  bool operator==(const AdapterLimits&) const = default;
};

struct AdapterOptions {
  std::string kind, name;
  std::string product;  // of devices that it vouches for; empty: it may vouch for none
  bool sandbox = true;
  AdapterLimits limits;
  // What is the adapter's own: a JSON object, every scalar as text, as the file has it. The adapter's schema
  // makes typed values of it (config/adapter_section.hpp).
  std::string section = "{}";
  std::filesystem::path folder;  // of the file: relative paths in the section are meant from here
  struct Place {                 // where a value of the section stands in the file
    std::string pointer;
    int line = 1, column = 1;
  };
  std::vector<Place> places;
};

struct StoreConfig {
  std::filesystem::path directory = "/var/lib/sluice";
  std::uint64_t max_bytes = 2ULL << 30;
  bool refuse_when_full = false;
  Duration commit_delay{};
};

struct CredentialsConfig {           // temporary AWS credentials for programs on the gateway
  std::string listen;                // host:port on loopback; empty: nobody is answered
  std::string role_alias, endpoint;  // empty: what came with the certificate
};

struct ControlOptions {
  std::filesystem::path socket = "/run/sluice/control.sock";
  std::string log_level = "info";
};

struct Options {
  std::string thing;  // the gateway's thing name and client id
  CloudOptions cloud;
  std::vector<ListenerOptions> listen;
  std::vector<ProductOptions> products;
  std::vector<DeviceOptions> devices;
  std::filesystem::path
      certificates;  // directory with <device>.crt and <device>.key for devices with their own identity
  std::vector<AdmitOptions> admit;  // the first match decides; none: refused
  std::string anonymous_product;    // product of clients that come in anonymously; empty: refused
  std::vector<AdapterOptions> adapters;
  std::filesystem::path adapters_directory = "/usr/lib/sluice/adapters";
  std::vector<RouteOptions> routes;
  StoreConfig store;
  CredentialsConfig credentials;
  ControlOptions control;
};

}  // namespace sluice

// The table. One row for each key: path, type, default, what is allowed, what it does.
// clang-format off
#include "config/schema.hpp"

namespace sluice::config {
namespace {

using O = Options;
using C = CloudOptions;
using L = ListenerOptions;
using P = ProductOptions;
using D = DeviceOptions;
using R = RouteOptions;
using V = ProvisioningOptions;
using I = IssuerOptions;
using S = SealOptions;
using A = AdmitOptions;
using AD = AdapterOptions;
using AL = AdapterLimits;

constexpr Row kRows[] = {
{"gateway.thing", Type::name, kRequired, "", "The gateway's thing name in AWS IoT; it is also its MQTT client id.", at<&O::thing>},

{"cloud.endpoint", Type::text, "", "host or host:port", "The account's data endpoint (`aws iot describe-endpoint --endpoint-type iot:Data-ATS`); port 8883 unless given. Needed unless the provisioning service tells it (cvm).", at<&O::cloud, &C::endpoint>},
{"cloud.region", Type::text, "", "as in eu-central-1", "The endpoint's AWS region; read from the endpoint's name when it is AWS's own.", at<&O::cloud, &C::region>},
{"cloud.tls.certificate", Type::path, "", "PEM", "The gateway's certificate. Needed unless it is provisioned.", at<&O::cloud, &C::tls, &TlsFiles::certificate>},
{"cloud.tls.key", Type::path, "", "PEM", "The certificate's private key; readable by the daemon only.", at<&O::cloud, &C::tls, &TlsFiles::key>},
{"cloud.tls.ca", Type::path, "", "PEM", "The roots to trust, for AWS: Amazon Root CA 1 and 3. Needed unless the provisioning service tells them (cvm, awslabs).", at<&O::cloud, &C::tls, &TlsFiles::ca>},
{"cloud.alpn", Type::text, "", "", "TLS protocol name; `x-amzn-mqtt-ca` to reach AWS on port 443.", at<&O::cloud, &C::alpn>},
{"cloud.mqtt5", Type::boolean, "true", "", "Speak MQTT 5 and fall back to 3.1.1 when refused; false: 3.1.1 only.", at<&O::cloud, &C::mqtt5>},
{"cloud.keep_alive", Type::duration, "1m", "30s..20m", "Silence after which a ping is sent; AWS takes 30 s to 20 min.", at<&O::cloud, &C::keep_alive>},
{"cloud.connect_timeout", Type::duration, "20s", "1s..5m", "Time for TCP, TLS and CONNACK together.", at<&O::cloud, &C::connect_timeout>},
{"cloud.backoff.first", Type::duration, "1s", "100ms..1h", "Longest wait before the second try to connect; doubles with each failure, with full jitter.", at<&O::cloud, &C::backoff_first>},
{"cloud.backoff.most", Type::duration, "2m", "1s..1d", "Longest wait between tries.", at<&O::cloud, &C::backoff_most>},
{"cloud.quotas.publishes_per_second", Type::number, "100", "0.1..100000", "AWS's limit for a connection, publishes in and out together.", at<&O::cloud, &C::quotas, &LaneQuotas::publishes_per_second>},
{"cloud.quotas.bytes_per_second", Type::size, "512KiB", "1KiB..1GiB", "AWS's limit for a connection's throughput.", at<&O::cloud, &C::quotas, &LaneQuotas::bytes_per_second>},
{"cloud.quotas.inflight", Type::integer, "100", "1..65535", "Publishes that wait for their PUBACK at the same time.", at<&O::cloud, &C::quotas, &LaneQuotas::inflight>},
{"cloud.quotas.reserve", Type::number, "0.2", "0..0.9", "Share of the quotas kept for commands, shadows and jobs.", at<&O::cloud, &C::quotas, &LaneQuotas::reserve>},
{"cloud.quotas.enforce", Type::boolean, "true", "", "False: send as fast as the peer takes it; not for AWS.", at<&O::cloud, &C::quotas, &LaneQuotas::enforce>},
{"cloud.live_first", Type::boolean, "true", "", "New readings go before the backlog; false: oldest first.", at<&O::cloud, &C::live_first>},
{"cloud.poison_after", Type::integer, "3", "1..100", "Connections that die with the same message in flight before the culprit is looked for and set aside.", at<&O::cloud, &C::poison_after>},
{"cloud.commands", Type::texts, "cmd/{thing}/#", "topic filters with {thing}", "What each connection subscribes to: the way of commands to devices.", at<&O::cloud, &C::commands>},
{"cloud.command_to", Type::text, "d/{device}/cmd/{rest}", "topic with {device} {thing} {rest}", "The local topic of a command; {rest} is what the filter's `#` took.", at<&O::cloud, &C::command_to>},
{"cloud.command_ttl", Type::duration, "1d", "0s..30d", "How long a command waits for a device that is away; 0s: for ever.", at<&O::cloud, &C::command_ttl>},
{"cloud.regions", Type::later, "", "", "a choice of regions by measured distance", nullptr},
{"cloud.provisioning.method", Type::choice, "given", "given|cvm|awslabs|fleet|own-ca", "Where identities come from: certificates given by hand, Sluice's vending machine, that of awslabs, AWS fleet provisioning by claim, or a CA key on this gateway (docs/provision.md).", at<&O::cloud, &C::provisioning, &V::method>},
{"cloud.provisioning.url", Type::text, "", "https://host[/stage]", "cvm, awslabs: the service; `/certificates` or `/getcert` is added.", at<&O::cloud, &C::provisioning, &V::url>},
{"cloud.provisioning.ca", Type::path, "", "PEM", "The roots to trust for the url; the system's unless given.", at<&O::cloud, &C::provisioning, &V::ca>},
{"cloud.provisioning.productid", Type::text, "", "name", "Under which name the gateway asks for itself: `gateway.thing`, and nothing else is taken.", at<&O::cloud, &C::provisioning, &V::productid>},
{"cloud.provisioning.access_token_file", Type::path, "", "mode 0600", "File with the gateway's own access token. Needed for cvm, awslabs and fleet.", at<&O::cloud, &C::provisioning, &V::token_file>},
{"cloud.provisioning.api_key_file", Type::path, "", "mode 0600", "File with the API key of the service's usage plan (`x-api-key`).", at<&O::cloud, &C::provisioning, &V::api_key_file>},
{"cloud.provisioning.claim.certificate", Type::path, "", "PEM", "fleet: the claim certificate.", at<&O::cloud, &C::provisioning, &V::claim, &TlsFiles::certificate>},
{"cloud.provisioning.claim.key", Type::path, "", "PEM", "fleet: its private key; readable by the daemon only.", at<&O::cloud, &C::provisioning, &V::claim, &TlsFiles::key>},
{"cloud.provisioning.template", Type::text, "", "1 to 36 of A-Z a-z 0-9 _ -", "fleet: the provisioning template's name.", at<&O::cloud, &C::provisioning, &V::fleet_template>},
{"cloud.provisioning.issuer.certificate", Type::path, "", "PEM", "own-ca: the CA's certificate, registered in AWS; certificates above it may follow in the file.", at<&O::cloud, &C::provisioning, &V::issuer, &I::certificate>},
{"cloud.provisioning.issuer.key", Type::path, "", "PEM, mode 0600", "own-ca: its private key.", at<&O::cloud, &C::provisioning, &V::issuer, &I::key>},
{"cloud.provisioning.issuer.valid", Type::duration, "365d", "1d..7300d", "own-ca: how long an issued certificate is valid; never longer than its issuer.", at<&O::cloud, &C::provisioning, &V::issuer, &I::valid>},
{"cloud.provisioning.unproven", Type::choice, "hold", "hold|refuse", "An unknown device whose token cannot be judged now: let it in and let its readings wait, or tell it to come later.", either<&O::cloud, &C::provisioning, &V::refuse_unproven>},
{"cloud.provisioning.held_most", Type::integer, "1000", "1..100000", "Unknown devices that may wait for their first judgement.", at<&O::cloud, &C::provisioning, &V::held_most>},
{"cloud.provisioning.refused_for", Type::duration, "10m", "1s..1d", "How long a token that was refused is not asked for again.", at<&O::cloud, &C::provisioning, &V::refused_for>},
{"cloud.provisioning.at_once", Type::integer, "4", "1..64", "Requests for certificates under way at the same time.", at<&O::cloud, &C::provisioning, &V::at_once>},
{"cloud.provisioning.per_second", Type::number, "5", "0.1..100", "Requests begun in a second; AWS makes about ten certificates a second for an account.", at<&O::cloud, &C::provisioning, &V::per_second>},
{"cloud.provisioning.timeout", Type::duration, "20s", "1s..2m", "Time for one request.", at<&O::cloud, &C::provisioning, &V::timeout>},
{"cloud.provisioning.backoff.first", Type::duration, "2s", "100ms..1h", "Longest wait before the second try; doubles with each failure, with full jitter.", at<&O::cloud, &C::provisioning, &V::backoff_first>},
{"cloud.provisioning.backoff.most", Type::duration, "5m", "1s..1d", "Longest wait between tries.", at<&O::cloud, &C::provisioning, &V::backoff_most>},
{"cloud.provisioning.rotate_after", Type::duration, "0s", "0s..3650d", "Age at which a certificate is replaced. 0s: never for its age.", at<&O::cloud, &C::provisioning, &V::rotate_after>},
{"cloud.provisioning.rotate_before", Type::duration, "30d", "0s..3650d", "How long before its expiry a certificate is replaced.", at<&O::cloud, &C::provisioning, &V::rotate_before>},
{"cloud.provisioning.seal.with", Type::choice, "file", "file|credential|tpm", "What private keys and tokens are sealed with on disk: a key file, a systemd credential, a TPM 2.0.", at<&O::cloud, &C::provisioning, &V::seal, &S::with>},
{"cloud.provisioning.seal.file", Type::path, "", "mode 0600", "file, tpm: where the key, or what the TPM sealed, is kept; made at the first start. `seal.key` or `seal.tpm` in `store.directory` unless given.", at<&O::cloud, &C::provisioning, &V::seal, &S::file>},
{"cloud.provisioning.seal.credential", Type::text, "sluice-seal", "name", "credential: its name in the unit's LoadCredentialEncrypted=.", at<&O::cloud, &C::provisioning, &V::seal, &S::credential>},
{"cloud.provisioning.seal.tpm", Type::text, "device:/dev/tpmrm0", "TCTI", "tpm: how the TPM is reached.", at<&O::cloud, &C::provisioning, &V::seal, &S::tpm>},

{"listen", Type::list, kRequired, "", "Where devices connect: URLs, or maps with a `url` and more.", at<&O::listen>},
{"listen[].url", Type::text, kRequired, "mqtt:// mqtts:// ws:// wss:// with an IP address, or unix:///path", "Address; ports 1883, 8883, 80 and 443 unless given; WebSocket path /mqtt unless given.", at<&L::text>},
{"listen[].anonymous", Type::boolean, "false", "", "Let clients in without a name; on loopback addresses and Unix sockets only.", at<&L::anonymous>},
{"listen[].tls.certificate", Type::path, "", "PEM", "The server's certificate chain, for mqtts and wss.", at<&L::tls, &TlsFiles::certificate>},
{"listen[].tls.key", Type::path, "", "PEM", "Its private key.", at<&L::tls, &TlsFiles::key>},
{"listen[].tls.ca", Type::path, "", "PEM", "The roots of client certificates.", at<&L::tls, &TlsFiles::ca>},
{"listen[].client_certificate", Type::choice, "none", "none|optional|required", "Whether clients prove themselves by certificate; the common name is the device's id.", at<&L::client_certificate>},

{"devices.products", Type::map, "", "", "Kinds of devices, by name.", at<&O::products>},
{"devices.products{}.identity", Type::choice, "gateway", "gateway|own", "Whose connection to AWS the readings take: the gateway's, or the device's own with its own certificate.", at<&P::identity>},
{"devices.products{}.may_publish", Type::texts, "", "topic filters with {device} {product}", "What a device of this product may publish to. Empty: nothing.", at<&P::may_publish>},
{"devices.products{}.may_subscribe", Type::texts, "", "topic filters with {device} {product}", "What it may subscribe to. Empty: nothing.", at<&P::may_subscribe>},
{"devices.products{}.limits.publishes_per_second", Type::number, "0", "0..1000000", "For one device; beyond it the connection is not read for a while. 0: no limit.", at<&P::limits, &ClientLimits::publishes_per_second>},
{"devices.products{}.limits.bytes_per_second", Type::size, "0B", "0B..1GiB", "The same in bytes. 0B: no limit.", at<&P::limits, &ClientLimits::bytes_per_second>},
{"devices.products{}.limits.inflight", Type::integer, "1024", "1..65535", "QoS 1 and 2 publishes that a device may have open (Receive Maximum).", at<&P::limits, &ClientLimits::inflight>},
{"devices.products{}.limits.packet_size", Type::size, "1MiB", "1KiB..16MiB", "Largest packet taken from a device.", at<&P::limits, &ClientLimits::packet_size>},
{"devices.products{}.limits.queue_bytes", Type::size, "4MiB", "1KiB..1GiB", "What may wait for a device that is away or slow.", at<&P::limits, &ClientLimits::queue_bytes>},
{"devices.products{}.limits.queue_messages", Type::integer, "10000", "1..1000000", "The same in messages.", at<&P::limits, &ClientLimits::queue_messages>},
{"devices.known", Type::map, "", "", "Devices by id, as far as they are named here; others are added with `sluicectl devices add`.", at<&O::devices>},
{"devices.known{}.product", Type::name, kRequired, "", "Its product.", at<&D::product>},
{"devices.known{}.token_file", Type::path, "", "mode 0600", "File with the token that the device gives as MQTT password.", at<&D::token_file>},
{"devices.known{}.token_hash", Type::hash, "", "$scrypt$...", "Instead of the file: the token's hash, as `sluicectl token hash` prints it.", at<&D::token_hash>},
{"devices.known{}.certificate.certificate", Type::path, "", "PEM", "The device's own AWS certificate.", at<&D::certificate, &TlsFiles::certificate>},
{"devices.known{}.certificate.key", Type::path, "", "PEM", "Its private key.", at<&D::certificate, &TlsFiles::key>},
{"devices.known{}.certificate.ca", Type::path, "", "PEM", "The roots to trust, when they are not those of `cloud.tls.ca`.", at<&D::certificate, &TlsFiles::ca>},
{"devices.admit", Type::list, "", "", "Unknown devices that may come in if the provisioning service knows their token; the first that matches decides.", at<&O::admit>},
{"devices.admit[].match", Type::text, kRequired, "device id with * and ?", "Which devices, by the username that they give.", at<&A::match>},
{"devices.admit[].product", Type::name, kRequired, "", "Their product; it has an identity of its own.", at<&A::product>},
{"devices.certificates", Type::path, "", "folder", "Where <device>.crt and <device>.key are, for products with an identity of their own.", at<&O::certificates>},
{"devices.anonymous_product", Type::name, "", "", "The product of clients that come in without a name. Empty: they are refused.", at<&O::anonymous_product>},

{"adapters", Type::list, "", "", "Processes that turn something else into devices (docs/adapters.md). All other keys of an adapter are its own: `sluicectl config check` holds them against what it says of itself.", at<&O::adapters>},
{"adapters[].kind", Type::name, kRequired, "", "The executable's name in `adapters_directory`.", at<&AD::kind>},
{"adapters[].name", Type::name, kRequired, "", "Its name, for logs and status; each once.", at<&AD::name>},
{"adapters[].product", Type::name, "", "", "The product of devices that it vouches for. Empty: every device of it needs a token.", at<&AD::product>},
{"adapters[].sandbox", Type::boolean, "true", "", "False: without Landlock and seccomp, for a driver that cannot live with them.", at<&AD::sandbox>},
{"adapters[].limits.memory", Type::size, "128MiB", "0B..64GiB", "Private memory; beyond it allocations fail, and the process is started again. 0B: no limit.", at<&AD::limits, &AL::memory>},
{"adapters[].limits.cpu", Type::number, "0.5", "0.01..64", "Share of a CPU over a minute; beyond it the process is started again.", at<&AD::limits, &AL::cpu>},
{"adapters[].limits.open_files", Type::integer, "64", "16..65535", "Descriptors.", at<&AD::limits, &AL::open_files>},
{"adapters[].limits.processes", Type::integer, "1", "1..1000", "1: it cannot start others.", at<&AD::limits, &AL::processes>},
{"adapters[].limits.devices", Type::integer, "1000", "1..100000", "Devices that it may have attached.", at<&AD::limits, &AL::devices>},
{"adapters[].limits.publishes_per_second", Type::number, "10000", "0..1000000", "Beyond it the adapter is not read for a while. 0: no limit.", at<&AD::limits, &AL::publishes_per_second>},
{"adapters[].limits.bytes_per_second", Type::size, "8MiB", "0B..1GiB", "The same in bytes. 0B: no limit.", at<&AD::limits, &AL::bytes_per_second>},
{"adapters_directory", Type::path, "/usr/lib/sluice/adapters", "folder", "Where the executables of adapters are.", at<&O::adapters_directory>},

{"routes", Type::list, "", "", "What becomes of a reading; the first route that matches decides.", at<&O::routes>},
{"routes[].name", Type::text, "", "", "For status and log; the match unless given.", at<&R::name>},
{"routes[].match", Type::text, kRequired, "topic filter", "Which readings: a filter on the topic that the device published to.", at<&R::match>},
{"routes[].to", Type::text, "", "topic with {device} {product} {gateway} {topic} {1}..{9}", "The topic in the cloud. {1} to {9} are the levels that the match's wildcards took, in order; `#` takes the rest.", at<&R::to>},
{"routes[].local", Type::boolean, "false", "", "Instead of `to`: the reading stays here, for local subscribers.", action<R::Action::local>},
{"routes[].drop", Type::boolean, "false", "", "Instead of `to`: the reading goes nowhere, and is counted as filtered.", action<R::Action::drop>},
{"routes[].rule", Type::token, "", "", "Basic Ingest: the name of the AWS IoT rule that gets it directly, without the broker's charge.", at<&R::rule>},
{"routes[].priority", Type::integer, "5", "0..9", "9 goes first.", at<&R::priority>},
{"routes[].ttl", Type::duration, "0s", "0s..3650d", "How long it is worth sending; later it is dropped and counted as expired. 0s: for ever.", at<&R::ttl>},
{"routes[].batch.format", Type::choice, "none", "none|json|ndjson", "Pack many readings into one publish; json when another `batch` key is given.", at<&R::batch, &BatchOptions::format>},
{"routes[].batch.max", Type::size, "5KiB", "1KiB..128KiB", "Size of the publish before compression; AWS meters units of 5 KiB.", at<&R::batch, &BatchOptions::max_bytes>},
{"routes[].batch.wait", Type::duration, "1s", "0s..1h", "How long a reading may wait for others.", at<&R::batch, &BatchOptions::max_wait>},
{"routes[].batch.compress", Type::choice, "none", "none|zstd", "Compression of the publish.", either<&R::batch, &BatchOptions::zstd>},
{"routes[].filter.kind", Type::choice, "none", "none|on_change|deadband|sample", "Which readings of a topic are worth sending.", at<&R::filter, &FilterOptions::kind>},
{"routes[].filter.pointer", Type::text, "", "JSON pointer (RFC 6901)", "The value in a JSON payload that is watched; empty: the whole payload.", at<&R::filter, &FilterOptions::pointer>},
{"routes[].filter.deadband", Type::change, "0", "", "deadband: the change since the last reading sent that is worth sending, absolute or in percent of it.", at<&R::filter>},
{"routes[].filter.interval", Type::duration, "0s", "0s..365d", "sample: at most one reading in this time.", at<&R::filter, &FilterOptions::interval>},
{"routes[].filter.heartbeat", Type::duration, "0s", "0s..365d", "on_change, deadband: send at least one reading in this time. 0s: never for that reason alone.", at<&R::filter, &FilterOptions::heartbeat>},

{"store.directory", Type::path, "/var/lib/sluice", "folder", "Where queue.db and registry.db are.", at<&O::store, &StoreConfig::directory>},
{"store.max", Type::size, "2GiB", "1MiB..1TiB", "Bytes of readings that may wait for the cloud.", at<&O::store, &StoreConfig::max_bytes>},
{"store.when_full", Type::choice, "drop-oldest", "drop-oldest|refuse", "At the brim: the oldest reading of the lowest priority goes and is counted, or devices get no acknowledgement.", either<&O::store, &StoreConfig::refuse_when_full>},
{"store.commit_delay", Type::duration, "0s", "0s..1s", "Wait this long for more readings before a commit: spares flash memory, delays acknowledgements.", at<&O::store, &StoreConfig::commit_delay>},

{"credentials.listen", Type::text, "", "127.0.0.1:port", "Where programs on this gateway fetch temporary AWS credentials (docs/credentials.md); loopback only. Empty: nobody is answered.", at<&O::credentials, &CredentialsConfig::listen>},
{"credentials.role_alias", Type::text, "", "", "Which role; the one that came with the certificate unless given.", at<&O::credentials, &CredentialsConfig::role_alias>},
{"credentials.endpoint", Type::text, "", "host", "The credentials provider's endpoint, where none came with the certificate.", at<&O::credentials, &CredentialsConfig::endpoint>},

{"control.socket", Type::path, "/run/sluice/control.sock", "", "Where sluicectl reaches the daemon.", at<&O::control, &ControlOptions::socket>},
{"log.level", Type::choice, "info", "debug|info|warning|error", "The least level that is logged.", at<&O::control, &ControlOptions::log_level>},
{"shadow", Type::later, "", "", "device shadows", nullptr},
{"update", Type::later, "", "", "firmware campaigns", nullptr},
{"status_page", Type::later, "", "", "the status page", nullptr},
};

}  // namespace

std::span<const Row> schema() { return kRows; }

std::vector<const Row*> rows_of(std::string_view prefix) {
  std::vector<const Row*> rows;
  for (const auto& row : kRows) {
    if (row.path.starts_with(prefix) && row.path.find_first_of("[{", prefix.size()) == std::string_view::npos) rows.push_back(&row);
  }
  return rows;
}

std::string_view type_words(Type type) {
  switch (type) {
    case Type::text: return "text";
    case Type::name: return "name: 1 to 128 of A-Z a-z 0-9 : _ -";
    case Type::token: return "name: 1 to 128 of A-Z a-z 0-9 _";
    case Type::integer: return "whole number";
    case Type::number: return "number";
    case Type::duration: return "duration";
    case Type::size: return "size";
    case Type::boolean: return "true or false";
    case Type::choice: return "one of";
    case Type::path: return "path";
    case Type::hash: return "secret's hash";
    case Type::change: return "number or percentage";
    case Type::texts: return "list of texts";
    case Type::list: return "list";
    case Type::map: return "map";
    case Type::later: return "not in this version";
  }
  return "";
}

std::vector<std::string_view> words(std::string_view allowed) {
  std::vector<std::string_view> list;
  while (!allowed.empty()) {
    const auto bar = allowed.find('|');
    list.push_back(allowed.substr(0, bar));
    if (bar == std::string_view::npos) break;
    allowed.remove_prefix(bar + 1);
  }
  return list;
}

}  // namespace sluice::config
